//! The message of a [`SpawnError`].

use nix::errno::Errno;

use crate::supervise::{Role, SpawnError, SpawnStep};
use crate::text::shown;

/// Returns why a process could not be started: "cannot execute `/x`: Permission denied; it has no execute bit".
pub fn message(why: &SpawnError) -> String {
    let SpawnError { role, object, errno, explanation, .. } = why;
    let object = object.as_ref().map(shown);
    let what = match (why.step, object) {
        (SpawnStep::Exec, Some(program)) => format!("cannot execute `{program}`"),
        (SpawnStep::Directory, Some(directory)) => format!("cannot change to the directory {directory}"),
        (SpawnStep::EnvironmentFile, Some(file)) => format!("cannot read environment_file {file}"),
        (step, Some(_) | None) => of_step(step).to_owned(),
    };
    let whose = match role {
        Role::Run => String::new(),
        Role::Finish | Role::StopCommand => format!("{}: ", role.key()),
    };
    let errno = Errno::from_raw(*errno).desc();
    let more = if explanation.is_empty() { String::new() } else { format!("; {explanation}") };
    format!("{whose}{what}: {errno}{more}")
}

fn of_step(step: SpawnStep) -> &'static str {
    match step {
        SpawnStep::FindService => "cannot find the service",
        SpawnStep::FindCommand => "cannot find a command to run",
        SpawnStep::NulByte => "cannot pass a NUL byte to a program",
        SpawnStep::AwaitFile => "its environment_file is still being read",
        SpawnStep::Memory => "cannot get memory for environment_file",
        SpawnStep::Pipe => "cannot create a pipe",
        SpawnStep::Socket => "cannot create a socket",
        SpawnStep::NotifyFd => "cannot keep the notification fd free",
        SpawnStep::BlockSignals => "cannot block signals",
        SpawnStep::Fork => "cannot fork",
        SpawnStep::Session => "cannot create a session",
        SpawnStep::Descriptors => "cannot set up the standard descriptors",
        SpawnStep::Limits => "cannot set the resource limits",
        SpawnStep::Nice => "cannot set the niceness",
        SpawnStep::Capabilities => "cannot set the capabilities",
        SpawnStep::Groups => "cannot set the supplementary groups",
        SpawnStep::Gid => "cannot switch to the group",
        SpawnStep::Uid => "cannot switch to the user",
        SpawnStep::NoNewPrivs => "cannot set no_new_privs",
        SpawnStep::Directory => "cannot change to the working directory",
        SpawnStep::EnvironmentFile => "cannot read environment_file",
        SpawnStep::Exec => "cannot execute the program",
        SpawnStep::Unknown => "cannot start",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_stage_has_words_of_its_own() {
        let all: BTreeSet<_> = SpawnStep::ALL.into_iter().map(|step| message(&SpawnError::new(step, 13))).collect();
        assert_eq!(all.len(), SpawnStep::ALL.len());
    }

    #[test]
    fn an_error_names_its_object_whose_it_is_and_what_is_behind_it() {
        let why = SpawnError {
            role: Role::Finish,
            object: Some("/bin/a\nb".into()),
            explanation: "it has no execute bit".into(),
            ..SpawnError::new(SpawnStep::Exec, Errno::EACCES as i32)
        };
        assert_eq!(message(&why), "finish: cannot execute `/bin/a\\nb`: Permission denied; it has no execute bit");
        let why = SpawnError { object: Some("/srv".into()), ..SpawnError::new(SpawnStep::Directory, 2) };
        assert_eq!(message(&why), "cannot change to the directory /srv: No such file or directory");
    }
}
