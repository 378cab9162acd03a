//! The commands and how they print. Parses arguments, writes to standard output and error; decides nothing about a
//! container's life. `init` uses only `invocation`: no argument parser is built for it.

mod args;
mod check;
mod completions;
mod control;
mod control_help;
mod doctor;
mod document_args;
mod graph;
mod graph_layout;
mod grid;
mod help;
mod help_text;
mod import;
mod init_emulation;
mod init_emulation_texts;
mod install_links;
mod invocation;
mod manual;
mod output;
mod plan;
mod query_args;
mod query_help;
pub mod rehearse;
mod run_as;
mod schema;
mod service_names;
mod since;
mod source;
mod svg;
mod units;
mod usage;

use std::ffi::OsString;

use clap::error::ErrorKind;

use crate::error::{EXIT_WRONG, Error};
use crate::s6_commands;
use crate::sys::process::exec_refusal;
use crate::sys::signals;
use args::Verb;
pub use args::command;
use check::CheckFormat;
pub use control_help::OTHERS as OTHER_VARIABLES;
use graph::GraphFormat;
pub use help::CODES as EXIT_CODES;
use init_emulation::ReplacedAction;
use invocation::Invocation;

/// Runs what the arguments ask for and returns the exit code (DESIGN §8).
pub fn main(argv: impl IntoIterator<Item = OsString>) -> u8 {
    let argv: Vec<OsString> = argv.into_iter().collect();
    if let Some(command) = argv.first().and_then(|name| s6_commands::called_as(name)) {
        return s6_commands::main(command, argv);
    }
    if let Some(code) = argv.first().and_then(|name| s6_commands::refuse(name)) {
        return code;
    }
    if let Some(code) = exec_refusal::called(&argv) {
        return code;
    }
    signals::ignore_broken_pipes();
    let environment = source::environment();
    if let Some(action) = init_emulation::of(&argv, &environment) {
        return match action {
            ReplacedAction::Run(init, command) => init.run(command),
            ReplacedAction::Print { out, err, code } => {
                output::out(&out);
                output::err(&err);
                code
            }
        };
    }
    match invocation::of(&argv) {
        Invocation::Init(main) => crate::run::init::run(main),
        Invocation::UsageError(problem) => output::usage_error(&problem),
        Invocation::Verb => completions::answer(&argv, &environment).unwrap_or_else(|| match args::parse(&argv) {
            Ok(cli) => verb(cli.verb),
            Err(error) => usage(&error, argv.get(1)),
        }),
    }
}

fn verb(verb: Verb) -> u8 {
    let done = match verb {
        Verb::Init(args) => return crate::run::init::run(args.command),
        Verb::Check(args) => match source::config_paths(args.path) {
            Ok(place) => {
                let format = if args.json { CheckFormat::Json } else { CheckFormat::Text };
                check::run(&place, args.command, format)
            }
            Err(problem) => return output::usage_error(&problem),
        },
        Verb::Plan(args) => match source::config_paths(args.path) {
            Ok(place) => plan::run(&place, args.command, args.json),
            Err(problem) => return output::usage_error(&problem),
        },
        Verb::Graph(args) => match source::config_paths(args.path) {
            Ok(place) => {
                let format = if args.svg { GraphFormat::Svg } else { GraphFormat::Dot };
                graph::run(&place, format).map_err(Error::Wrong)
            }
            Err(problem) => return output::usage_error(&problem),
        },
        Verb::Import(args) => return import::run(&args),
        Verb::Try(args) => return rehearse::run(&args).unwrap_or_else(|error| output::failed(&error)),
        Verb::Status(args) => return control::status(&args),
        Verb::Health(args) => return control::health(&args),
        Verb::Start(args) => return control::start(&args),
        Verb::Stop(args) => return control::stop(&args),
        Verb::Restart(args) => return control::restart(&args),
        Verb::Reload(args) => return control::reload(&args),
        Verb::Signal(args) => return control::signal(&args),
        Verb::Wait(args) => return control::wait(&args),
        Verb::Env(args) => return control::env(&args),
        Verb::Logs(args) => return control::logs(&args),
        Verb::Events(args) => return control::events(&args),
        Verb::Metrics => return control::metrics(),
        Verb::Doctor(args) => return doctor::run(args),
        Verb::Timings(args) => return control::timings(&args),
        Verb::Shutdown(args) => return control::shutdown(&args),
        Verb::RunAs(args) => return run_as::run(&args),
        Verb::InstallLinks(args) => install_links::run(&args),
        Verb::Man(args) => return manual::run(&args),
        Verb::Schema(args) => return schema::run(&args),
        Verb::Completions(args) => return completions::run(&args),
    };
    match done {
        Ok(printed) => {
            output::out(&printed.text);
            printed.code
        }
        Err(error) => output::failed(&error),
    }
}

/// Help and version go to standard output, with 0; anything else is an error: standard error, 100.
fn usage(error: &clap::Error, verb: Option<&OsString>) -> u8 {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand && std::process::id() == 1 {
        output::err(help::BARE_ENTRYPOINT);
    }
    if let Some(problem) = usage::problem(error, verb) {
        return output::usage_error(&problem);
    }
    // A closed stream does not change the exit code.
    let _ = error.print();
    if error.use_stderr() { EXIT_WRONG } else { 0 }
}
