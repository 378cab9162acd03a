//! The message of a [`SpawnError`].

use nix::errno::Errno;

use crate::supervise::{Role, SpawnError, SpawnStage};
use crate::text::shown;

/// Returns why a process could not be started: "cannot execute `/x`: Permission denied; it has no execute bit".
pub fn words(why: &SpawnError) -> String {
    let SpawnError { role, object, errno, explanation, .. } = why;
    let object = object.as_ref().map(shown);
    let what = match (why.stage, object) {
        (SpawnStage::Exec, Some(program)) => format!("cannot execute `{program}`"),
        (SpawnStage::Directory, Some(directory)) => format!("cannot change to the directory {directory}"),
        (SpawnStage::EnvironmentFile, Some(file)) => format!("cannot read environment_file {file}"),
        (stage, Some(_) | None) => of_stage(stage).to_owned(),
    };
    let whose = match role {
        Role::Run => String::new(),
        Role::Finish | Role::StopCommand => format!("{}: ", role.key()),
    };
    let errno = Errno::from_raw(*errno).desc();
    let more = if explanation.is_empty() { String::new() } else { format!("; {explanation}") };
    format!("{whose}{what}: {errno}{more}")
}

fn of_stage(stage: SpawnStage) -> &'static str {
    match stage {
        SpawnStage::FindService => "cannot find the service",
        SpawnStage::FindCommand => "cannot find a command to run",
        SpawnStage::Words => "cannot pass a NUL byte to a program",
        SpawnStage::AwaitFile => "its environment_file is still being read",
        SpawnStage::Memory => "cannot get memory for environment_file",
        SpawnStage::Pipe => "cannot make a pipe",
        SpawnStage::Socket => "cannot make a socket",
        SpawnStage::NotifyFd => "cannot keep the notification fd free",
        SpawnStage::BlockSignals => "cannot block signals",
        SpawnStage::Fork => "cannot fork",
        SpawnStage::Session => "cannot create a session",
        SpawnStage::Descriptors => "cannot set up the standard descriptors",
        SpawnStage::Limits => "cannot set the resource limits",
        SpawnStage::Nice => "cannot set the niceness",
        SpawnStage::Capabilities => "cannot set the capabilities",
        SpawnStage::Groups => "cannot set the supplementary groups",
        SpawnStage::Gid => "cannot switch to the group",
        SpawnStage::Uid => "cannot switch to the user",
        SpawnStage::NoNewPrivs => "cannot set no_new_privs",
        SpawnStage::Directory => "cannot change to the working directory",
        SpawnStage::EnvironmentFile => "cannot read environment_file",
        SpawnStage::Exec => "cannot execute the program",
        SpawnStage::Unknown => "cannot start",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_stage_has_words_of_its_own() {
        let all: BTreeSet<_> = SpawnStage::ALL.into_iter().map(|stage| words(&SpawnError::new(stage, 13))).collect();
        assert_eq!(all.len(), SpawnStage::ALL.len());
    }

    #[test]
    fn an_error_names_its_object_whose_it_is_and_what_is_behind_it() {
        let why = SpawnError {
            role: Role::Finish,
            object: Some("/bin/a\nb".into()),
            explanation: "it has no execute bit".into(),
            ..SpawnError::new(SpawnStage::Exec, Errno::EACCES as i32)
        };
        assert_eq!(words(&why), "finish: cannot execute `/bin/a\\nb`: Permission denied; it has no execute bit");
        let why = SpawnError { object: Some("/srv".into()), ..SpawnError::new(SpawnStage::Directory, 2) };
        assert_eq!(words(&why), "cannot change to the directory /srv: No such file or directory");
    }
}
