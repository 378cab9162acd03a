//! [`SpawnError`]: why a process could not be started, as values. Must not know their words.

use std::path::PathBuf;

use super::Role;

/// Why a process could not be started: what was refused, and the kernel's error.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpawnError {
    /// Which of a service's programs it was to execute.
    pub role: Role,
    /// What was refused.
    pub step: SpawnStep,
    /// The program, directory or file that was refused; `None` where the step is about none, or it is not known.
    pub object: Option<PathBuf>,
    /// The kernel's error, or the nearest to it.
    pub errno: i32,
    /// What the process found out about that error and the fix, as the end of a sentence; empty where nothing more is
    /// known.
    pub explanation: String,
}

impl SpawnError {
    /// Returns an error of a service's command of which nothing more is known.
    pub fn new(step: SpawnStep, errno: i32) -> Self {
        Self { role: Role::Run, step, object: None, errno, explanation: String::new() }
    }
}

/// The steps of starting a program that can be refused, in order: by PID 1, then in the forked process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpawnStep {
    /// To find the service.
    FindService,
    /// To find the command in its definition.
    FindCommand,
    /// To pass its arguments: one has a NUL byte.
    NulByte,
    /// To know what its run has read from `environment_file`: that is being read.
    AwaitFile,
    /// To get memory that is shared with it.
    Memory,
    /// To create a pipe.
    Pipe,
    /// To create a socket.
    Socket,
    /// To keep the number of the notification descriptor free.
    NotifyFd,
    /// To block signals.
    BlockSignals,
    /// To fork.
    Fork,
    /// To make a session or a process group.
    Session,
    /// To place descriptors.
    Descriptors,
    /// To set a resource limit.
    Limits,
    /// To set the niceness.
    Nice,
    /// To set capabilities.
    Capabilities,
    /// To set the supplementary groups.
    Groups,
    /// To become the group.
    Gid,
    /// To become the user.
    Uid,
    /// To set no_new_privs.
    NoNewPrivs,
    /// To enter the working directory.
    Directory,
    /// To read `environment_file`.
    EnvironmentFile,
    /// To execute the program.
    Exec,
    /// Something: it did not say what.
    Unknown,
}

impl SpawnStep {
    /// Every step, in order.
    pub const ALL: [Self; 23] = [
        Self::FindService,
        Self::FindCommand,
        Self::NulByte,
        Self::AwaitFile,
        Self::Memory,
        Self::Pipe,
        Self::Socket,
        Self::NotifyFd,
        Self::BlockSignals,
        Self::Fork,
        Self::Session,
        Self::Descriptors,
        Self::Limits,
        Self::Nice,
        Self::Capabilities,
        Self::Groups,
        Self::Gid,
        Self::Uid,
        Self::NoNewPrivs,
        Self::Directory,
        Self::EnvironmentFile,
        Self::Exec,
        Self::Unknown,
    ];
}
