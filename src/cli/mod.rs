//! Verbs and how they print. Reads arguments, asks `sys`, writes to standard output and error; decides nothing about a
//! container's life. The `init` path touches nothing here but `entry`: no parser is built for it.

mod args;
mod check;
mod control;
mod doctor;
mod entry;
mod grid;
mod help;
mod inits;
mod output;
mod plan;
pub mod rehearse;
mod replaced;
mod run_as;
mod source;
mod usage;
mod words;

use std::ffi::OsString;

use clap::Parser;
use clap::error::ErrorKind;

use crate::error::EXIT_WRONG;
pub use args::command;
use args::{Cli, Verb};
use entry::Entry;
use replaced::Asked;

/// Runs what the arguments ask for and returns the exit code (DESIGN §8).
pub fn main(argv: impl IntoIterator<Item = OsString>) -> u8 {
    let argv: Vec<OsString> = argv.into_iter().collect();
    if let Some(asked) = replaced::of(&argv, &source::environment()) {
        return match asked {
            Asked::Run(init, command) => init.run(command),
            Asked::Say { out, err, code } => {
                output::out(&out);
                output::err(&err);
                code
            }
        };
    }
    match entry::of(&argv) {
        Entry::Init(main) => crate::run::init::run(main),
        Entry::Wrong(problem) => output::wrong(&problem),
        Entry::Verb => match Cli::try_parse_from(&argv) {
            Ok(cli) => verb(cli.verb),
            Err(error) => usage(&error, argv.get(1)),
        },
    }
}

fn verb(verb: Verb) -> u8 {
    let done = match verb {
        Verb::Init(args) => return crate::run::init::run(args.command),
        Verb::Check(args) => match source::place(args.path) {
            Ok(place) => check::run(&place, args.command),
            Err(problem) => return output::wrong(&problem),
        },
        Verb::Plan(args) => match source::place(args.path) {
            Ok(place) => plan::run(&place, args.command, args.json),
            Err(problem) => return output::wrong(&problem),
        },
        Verb::Try(args) => return rehearse::run(&args).unwrap_or_else(|error| output::failed(&error)),
        Verb::Status(args) => return control::status(&args),
        Verb::Health => return control::health(),
        Verb::Start(args) => return control::start(&args),
        Verb::Stop(args) => return control::stop(&args),
        Verb::Restart(args) => return control::restart(&args),
        Verb::Reload(args) => return control::reload(&args),
        Verb::Signal(args) => return control::signal(&args),
        Verb::Wait(args) => return control::wait(&args),
        Verb::Env(args) => return control::env(&args),
        Verb::Logs(args) => return control::logs(&args),
        Verb::Doctor(args) => return doctor::run(args),
        Verb::Timings(args) => return control::timings(&args),
        Verb::Shutdown(args) => return control::shutdown(&args),
        Verb::RunAs(args) => return run_as::run(&args),
    };
    match done {
        Ok(printed) => {
            output::out(&printed.text);
            printed.code
        }
        Err(error) => output::failed(&error),
    }
}

/// Help and version were asked for: standard output, 0. Anything else is a mistake: standard error, 100.
fn usage(error: &clap::Error, verb: Option<&OsString>) -> u8 {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand && std::process::id() == 1 {
        output::err(help::BARE_ENTRYPOINT);
    }
    if let Some(problem) = usage::problem(error, verb) {
        return output::wrong(&problem);
    }
    // A stream that is closed is no reason for another exit code.
    let _ = error.print();
    if error.use_stderr() { EXIT_WRONG } else { 0 }
}
