//! The parts of the boot in words, in order: the book's list is generated from it; and the part of each step. Must not know a
//! particular plan.

use super::Step;

const SIGNALS: &str = "signals";
const ACCOUNTS: &str = "accounts";
const RUNTIME: &str = "runtime directory";
const S6_LAYOUT: &str = "s6-overlay files";
const SECRETS: &str = "secrets";
const DIRECTORIES: &str = "directories";
const OWNERSHIP: &str = "ownership";
const STDIO: &str = "stdio";

/// What happens at boot (DESIGN §3): the name of each part and one sentence.
const PARTS: &[(&str, &str)] = &[
    (SIGNALS, "handlers are installed before anything else; a TERM during any later step ends the boot in order"),
    ("facts", "the machine is read once: ids, capabilities, id maps, mounts, account files, declared paths"),
    ("configuration", "files and environment are read; any problem ends the boot here with exit 100, nothing touched"),
    ("plan", "configuration and facts become a list of steps, each to be done, already right, or skipped with its fix"),
    (ACCOUNTS, "the app user and its group get their lines in /etc/passwd and /etc/group, every other byte unchanged"),
    (RUNTIME, "our own directory for the control socket and state is created, /run/stepdown where possible"),
    (
        S6_LAYOUT,
        "in an image made for s6-overlay: what its scripts look for in /run, such as the container environment",
    ),
    (SECRETS, "files named by `[secrets]` and by FILE__NAME variables are read, for the services that get them"),
    (DIRECTORIES, "declared directories are created with owner and mode, leftovers of the last run removed"),
    (OWNERSHIP, "declared paths get their owner; links are never followed, only what is wrong is changed"),
    (STDIO, "standard output and error are opened for the app user, who could not reopen them otherwise"),
    ("prepare", "oneshots declared `user = \"root\"`, and the oneshots for which they wait, run to their end"),
    ("step down", "PID 1 becomes the app user: groups, gid, uid, capabilities, no_new_privs; then it is verified"),
    ("serve", "services start by their dependencies, in parallel; then the main command, if there is one"),
    ("stop", "everything stops in reverse order within one budget; the exit code tells why"),
];

/// Returns what happens at boot, in order: the name of each part and one sentence.
pub fn boot_parts() -> &'static [(&'static str, &'static str)] {
    PARTS
}

impl Step {
    /// Returns the part of [`boot_parts`] to which it belongs.
    pub fn part(&self) -> &'static str {
        match self {
            Self::BecomeSubreaper => SIGNALS,
            Self::WriteAccounts { .. } => ACCOUNTS,
            Self::RuntimeDirectory { .. } => RUNTIME,
            Self::S6Layout(_) => S6_LAYOUT,
            Self::ReadSecret(_) => SECRETS,
            Self::MakeDirectory(_) => DIRECTORIES,
            Self::Own(_) => OWNERSHIP,
            Self::SetStdioAccess { .. } => STDIO,
        }
    }
}
