//! Lints: what people write in a command or a variable because a shell, another supervisor or an old entry point would read
//! it so. It can be executed, so that each is a notice, never a problem. Services of s6 are not looked at: execline and
//! `s6-setuidgid` are what they are written in. Must not know files, nor the machine.

mod background;
mod command_line;
mod expansion;
mod linted;
mod operators;
mod user_switch;

use super::notes::Notes;
use crate::config::Config;
use crate::config::service::{Command, Kind, RunAs, Service};
use crate::config::values::{ServiceName, UserName};
use linted::Linted;

pub use background::daemons;
pub(super) use command_line::instead_of_program;

/// Adds a notice for each.
pub(super) fn add_notices(config: &Config, notes: &mut Notes) {
    let natives = config.services.iter().filter(|service| service.s6.is_none()).cloned();
    // A main command in such an image may change the user: it runs as root there, too.
    let main = config.main_service().filter(|_| config.s6.is_none());
    for service in natives.chain(main) {
        let key = if service.name.as_str() == ServiceName::MAIN { "" } else { "command" };
        of_service(&service, notes);
        let commands = [(key, service.command.clone())].into_iter().chain(service.auxiliary_commands());
        for (key, command) in commands {
            match &command {
                Command::Argv(argv) => {
                    let words: Option<Vec<_>> = argv.iter().map(|word| word.to_str()).collect();
                    let linted = Linted { name: service.name.as_str(), key, argv: &words.unwrap_or_default() };
                    of_argv(&linted, &service, &config.container.app.user, notes);
                }
                Command::Script(script) => {
                    user_switch::in_script(&service, script).into_iter().for_each(|notice| notes.notice(notice));
                }
                Command::File(_) | Command::Nothing => {}
            }
        }
    }
}

/// Adds those of its variables.
fn of_service(service: &Service, notes: &mut Notes) {
    expansion::of_environment(service).into_iter().for_each(|notice| notes.notice(notice));
}

/// Adds those of one command: where the words are no arguments yet, what else they say follows from the fix.
fn of_argv(linted: &Linted<'_>, service: &Service, app: &UserName, notes: &mut Notes) {
    let of_words = || command_line::notice(linted).or_else(|| operators::notice(linted));
    if let Some(notice) = of_words().or_else(|| expansion::notice(linted)) {
        notes.notice(notice);
        return;
    }
    // The command alone: a program that is called once may start a daemon.
    let is_daemon = service.kind == Kind::Longrun && matches!(linted.key, "" | "command");
    let is_only_root = service.user == RunAs::Root && !is_daemon;
    if let Some(notice) = user_switch::notice(linted, service, app).filter(|_| !is_only_root) {
        notes.notice(notice);
    }
    if let Some(notice) = background::notice(linted).filter(|_| is_daemon) {
        notes.notice(notice);
    }
}
