//! Scripts of an image made for s6-overlay that their user may read and not execute: LinuxServer's images have some that are
//! root's with mode 0744, s6-rc copies `run` and `finish`, whose own mode does not matter, and s6-overlay 2 sets the execute
//! bits of an image's scripts at each start. They are run by their interpreters, as the kernel would run them (execve(2)). Must not know how files are read.

use std::ffi::OsString;
use std::path::Path;

use super::exec_failure::ExecFailure;
use super::exec_rights::{Executor, Permission};
use super::facts::ProgramFact;
use super::notes::Notes;
use super::printable;
use super::switch::SwitchAbility;
use crate::config::s6_overlay::OverlayVersion;
use crate::config::service::Command;

/// A program of a service, and the result of looking it up.
pub(super) struct LookedUp {
    pub command: Command,
    pub fact: Option<ProgramFact>,
    /// Whether it is the interpreter of the configured one.
    pub is_interpreter: bool,
}

impl Executor<'_> {
    /// Returns what is executed for a program of the service; `key`: its key, `""` for the command.
    pub(super) fn executed(
        &self,
        key: &str,
        command: &Command,
        fact: Option<ProgramFact>,
        notes: &mut Notes,
    ) -> LookedUp {
        match self.by_interpreter(key, command, fact.as_ref(), notes) {
            Some((argv, fact)) => LookedUp { command: Command::Argv(argv), fact: Some(fact), is_interpreter: true },
            None => LookedUp { command: command.clone(), fact, is_interpreter: false },
        }
    }

    /// Returns the arguments that run a restricted script, and the result of looking up its interpreter.
    fn by_interpreter(
        &self,
        key: &str,
        command: &Command,
        fact: Option<&ProgramFact>,
        notes: &mut Notes,
    ) -> Option<(Vec<OsString>, ProgramFact)> {
        let service = self.service.filter(|service| service.s6.is_some())?;
        let path = fact.filter(|fact| self.is_restricted_script(fact))?.path()?;
        let script = self.facts.named.restricted_scripts.get(path)?;
        let arguments = match command {
            Command::Argv(argv) => argv.get(1..)?.to_vec(),
            // A finish script gets arguments of its own.
            Command::File(_) if key.is_empty() => vec![service.name.as_str().into()],
            Command::File(_) => Vec::new(),
            Command::Script(_) | Command::Nothing => return None,
        };
        let version = self.config.s6.as_ref().map(|s6| s6.version);
        // Of an image made for s6-overlay 2 one notice names all of them.
        if let (Command::Argv(_), Some(ProgramFact::NotExecutable(path))) = (command, fact)
            && version != Some(OverlayVersion::Two)
        {
            let (name, path) = (&service.name, printable::path(path));
            notes.notice(format!(
                "`{name}`: {path} has no execute bit and is run by its interpreter; s6-overlay would fail to execute it: \
                 `RUN chmod +x {path}` in the Dockerfile"
            ));
        }
        let argv = script.argv.iter().cloned().chain([path.into()]).chain(arguments);
        let interpreter = match (&script.interpreter, script.argv.first()) {
            (ProgramFact::NotFound, Some(interpreter)) => {
                ProgramFact::NoInterpreter { program: path.clone(), interpreter: interpreter.into() }
            }
            (found, _) => found.clone(),
        };
        Some((argv.collect(), interpreter))
    }

    /// Whether the service's user may read this and not execute it.
    fn is_restricted_script(&self, fact: &ProgramFact) -> bool {
        match fact {
            ProgramFact::NotExecutable(path) => self.may_read(path),
            // Access was checked by the kernel as this user, who could read its first line.
            ProgramFact::Refused { why: ExecFailure::NotForThisUser(_), .. } => true,
            ProgramFact::Found(path) if self.switch_ability == SwitchAbility::Root => self.is_restricted_itself(path),
            ProgramFact::Unknown(path) => self.is_restricted_itself(path),
            ProgramFact::Found(_)
            | ProgramFact::NoExec(_)
            | ProgramFact::NoInterpreter { .. }
            | ProgramFact::Refused { .. }
            | ProgramFact::NotFound => false,
        }
    }

    fn is_restricted_itself(&self, path: &Path) -> bool {
        let restricted = self.facts.named.executables.get(path).into_iter().flat_map(|it| &it.restricted);
        let mut itself = restricted.filter(|seen| seen.path == path);
        itself.any(|seen| self.lacks(Permission::Execute, seen, path)) && self.may_read(path)
    }

    fn may_read(&self, path: &Path) -> bool {
        let restricted = self.facts.named.executables.get(path).into_iter().flat_map(|it| &it.restricted);
        let mut itself = restricted.filter(|seen| seen.path == path);
        self.switch_ability == SwitchAbility::User || !itself.any(|seen| self.lacks(Permission::Read, seen, path))
    }
}
