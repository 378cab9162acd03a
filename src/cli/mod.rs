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
mod usage;
mod words;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;
use clap::error::ErrorKind;

use crate::config::{self, Config, Sources};
use crate::error::{EXIT_WRONG, Place, Problem, Problems};
use crate::inspect::source::{self, Where};
use crate::text::shown;
use args::{Cli, Verb};
use entry::Entry;
use replaced::Asked;

/// Runs what the arguments ask for and returns the exit code (DESIGN §8).
pub fn main(argv: impl IntoIterator<Item = OsString>) -> u8 {
    let argv: Vec<OsString> = argv.into_iter().collect();
    if let Some(asked) = replaced::of(&argv, &environment()) {
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
            Err(error) => usage(&error),
        },
    }
}

/// Returns the definition of every verb, for the manual and its tests.
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

fn verb(verb: Verb) -> u8 {
    let done = match verb {
        Verb::Init(args) => return crate::run::init::run(args.command),
        Verb::Check(args) => match place(args.path) {
            Ok(place) => check::run(&place, args.command),
            Err(problem) => return output::wrong(&problem),
        },
        Verb::Plan(args) => match place(args.path) {
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

/// What a verb has to say on standard output, and its exit code.
struct Printed {
    text: String,
    code: u8,
}

/// Help and version were asked for: standard output, 0. Anything else is a mistake: standard error, 100.
fn usage(error: &clap::Error) -> u8 {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand && std::process::id() == 1 {
        output::err(help::BARE_ENTRYPOINT);
    }
    if let Some(problem) = usage::problem(error) {
        return output::wrong(&problem);
    }
    // A stream that is closed is no reason for another exit code.
    let _ = error.print();
    if error.use_stderr() { EXIT_WRONG } else { 0 }
}

/// Returns the places that a PATH argument means; it must be a directory.
fn place(path: Option<PathBuf>) -> Result<Where, Problem> {
    match path {
        Some(path) if !path.is_dir() => {
            let what = if path.exists() { "it is no directory" } else { "there is no such directory" };
            let remedy = "give a directory that holds `services.d`, or a services tree itself";
            Err(Problem::new(Place::Argument(shown(&path)), what, remedy))
        }
        path => Ok(Where::from_path(path)),
    }
}

#[allow(clippy::disallowed_methods)] // the environment's one way in
fn environment() -> BTreeMap<OsString, OsString> {
    std::env::vars_os().collect()
}

/// Reads the files at `place` and our environment.
fn sources(place: &Where, main: Vec<OsString>) -> Sources {
    source::read(place, environment(), main)
}

fn config(place: &Where, main: Vec<OsString>) -> Result<Config, Problems> {
    config::read(&sources(place, main))
}
