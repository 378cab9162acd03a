//! Lints: what people write in a command or a variable because a shell, another supervisor or an old entry point would read
//! it so. It can be executed, so that each is a notice, never a problem. Services of s6 are not looked at: execline and
//! `s6-setuidgid` are what they are written in. Must not know files, nor the machine.

mod background;
mod command_line;
mod daemons;
mod expansion;
mod linted;
mod main_pid;
mod operators;
mod shell_line;
mod user_switch;
mod variables;
mod words;

use std::rc::Rc;

use super::notes::Notes;
use crate::config::Config;
use crate::config::container::App;
use crate::config::service::{Command, Kind, Service};
use crate::config::values::ServiceName;
use background::DecidedBy;
use linted::Linted;

pub(super) use command_line::instead_of_program;
pub use daemons::daemons;

/// Adds a notice for each, but for those that a configuration file may answer.
pub(super) fn add_notices(config: &Config, notes: &mut Notes) {
    for service in services(config) {
        expansion::of_environment(&service).into_iter().for_each(|notice| notes.notice(notice));
        of_command(key_of(&service), &service.command, &service, &config.container.app, notes);
        for (key, command) in service.auxiliary_commands() {
            of_command(key, &command, &service, &config.container.app, notes);
        }
    }
}

/// Returns a notice for each command whose program goes into the background unless its configuration file says otherwise. No
/// boot reports them: that file is not read.
pub fn undecided_daemons(config: &Config) -> Vec<String> {
    let notice = |service: Rc<Service>| {
        let argv = words(&service.command).filter(|_| service.kind == Kind::Longrun)?;
        background::notice(&Linted::new(service.name.as_str(), key_of(&service), &argv), DecidedBy::Configuration)
    };
    services(config).filter_map(notice).collect()
}

fn services(config: &Config) -> impl Iterator<Item = Rc<Service>> {
    let natives = config.services.iter().filter(|service| service.s6.is_none()).cloned();
    // A main command in such an image may change the user: it runs as root there, too.
    natives.chain(config.main_service().filter(|_| config.s6.is_none()))
}

fn key_of(service: &Service) -> &'static str {
    if service.name.as_str() == ServiceName::MAIN { "" } else { "command" }
}

/// The words of a command that no shell reads.
fn words(command: &Command) -> Option<Vec<&str>> {
    match command {
        Command::Argv(argv) => argv.iter().map(|word| word.to_str()).collect(),
        Command::Script(_) | Command::File(_) | Command::Nothing => None,
    }
}

fn of_command(key: &str, command: &Command, service: &Service, app: &App, notes: &mut Notes) {
    if let Some(argv) = words(command) {
        let leaves_out = |program: &str| user_switch::is_without_effect(program, service, app);
        let linted = Linted::new(service.name.as_str(), key, &argv);
        of_argv(&Linted { leaves_out: &leaves_out, ..linted }, service, app, notes);
    }
    if let Command::Script(script) = command {
        user_switch::in_script(service, script, app).into_iter().for_each(|notice| notes.notice(notice));
    }
}

/// Adds those of one command. What is to be written instead is the same in each, and complete.
fn of_argv(linted: &Linted<'_>, service: &Service, app: &App, notes: &mut Notes) {
    if let Some(notice) = main_pid::notice(linted) {
        notes.notice(notice);
        return;
    }
    let of_words =
        command_line::notice(linted).or_else(|| operators::notice(linted)).or_else(|| expansion::notice(linted));
    let is_line = of_words.is_some();
    of_words.into_iter().chain(user_switch::notice(linted, service, app)).for_each(|notice| notes.notice(notice));
    if is_line {
        return;
    }
    // The command alone: a program that is called once may start a daemon.
    let is_daemon = service.kind == Kind::Longrun && matches!(linted.key, "" | "command");
    if is_daemon && let Some(notice) = background::notice(linted, DecidedBy::Arguments) {
        notes.notice(notice);
    }
}
