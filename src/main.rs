//! Hands argv to the library and returns its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(stepdown::cli::main(std::env::args_os()))
}
