//! Notices about what usual containers have and this one lacks, because programs will fail for it. Must not decide anything.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{Access, Facts, StdioKind};
use super::notes::Notes;
use super::printable;
use crate::config::Config;
use crate::config::service::Command;
use crate::config::values::Gid;

/// Reports what programs expect of a machine and this one lacks.
pub(super) fn of_machine(facts: &Facts, notes: &mut Notes) {
    if !facts.proc_mounted {
        notes.notice(
            "/proc is not mounted: user namespaces, stray processes and what services use are not seen, and many \
             programs fail; have the runtime mount it",
        );
    }
    if !facts.dev_null {
        notes.notice(
            "/dev/null is not the null device: services get an empty pipe as standard input, and shells fail on \
             `> /dev/null`; create it in the image or have the runtime mount /dev (`mknod -m 666 /dev/null c 1 3`)",
        );
    }
    let closed: Vec<_> = (0..).zip(&facts.stdio).filter(|(_, fact)| fact.kind == StdioKind::Closed).collect();
    if !closed.is_empty() {
        let names: Vec<_> = closed.iter().map(|(fd, _)| printable::stream(*fd)).collect();
        let verb = if names.len() == 1 { "was" } else { "were" };
        let lost = if names == ["stdin"] { "" } else { ", and what is written there is lost" };
        notes.notice(format!("{} {verb} closed when the container started{lost}", names.join(" and ")));
    }
    if !facts.cwd_exists {
        notes.notice("the working directory is gone: the main command starts in /");
    }
    check_run_directory(facts, notes);
    check_account_file_modes(facts, notes);
}

/// The mode of an account file comes from the image, and is kept when it is replaced. Group 0 may write `/etc/passwd` in
/// images for arbitrary uids (OpenShift).
fn check_account_file_modes(facts: &Facts, notes: &mut Notes) {
    for (file, (gid, mode)) in &facts.account_modes {
        let (path, usual) = (file.path(), file.usual_mode());
        let who = match mode {
            mode if mode & 0o002 != 0 => "anybody can write it, and so become root".to_owned(),
            mode if mode & 0o020 != 0 && *gid != Gid::ROOT => {
                format!("group {gid} can write it, and so become root")
            }
            mode if mode & 0o004 != 0 && usual & 0o004 == 0 => "anybody can read the passwords in it".to_owned(),
            _ => continue,
        };
        notes.notice(format!(
            "{path} has mode {mode:04o}, which is kept: {who}; `RUN chmod {usual:o} {path}` in the Dockerfile"
        ));
    }
}

/// A read-only or foreign `/run` is usual, and the next candidate is used; a `/run` that is not a directory is a mistake.
fn check_run_directory(facts: &Facts, notes: &mut Notes) {
    let Some((path, why)) = facts.runtime.first() else { return };
    let what = match why {
        Access::Missing => "is missing",
        Access::Unfit => "is not a directory, or holds something that belongs to somebody else",
        Access::Yes | Access::ReadOnly | Access::Denied => return,
    };
    if let (Some(place), Some((other, _))) =
        (path.parent(), facts.runtime.iter().find(|(_, access)| *access == Access::Yes))
    {
        let (place, other) = (printable::path(place), printable::path(other));
        notes.notice(format!("{place} {what}: the control socket is in {other}; make {place} a directory of root's"));
    }
}

/// Reports a umask that removes permissions from the owner, which is rarely intended.
pub(super) fn of_umasks(config: &Config, notes: &mut Notes) {
    let app = ("UMASK".to_owned(), config.container.app.umask);
    let declared = config.services.iter().map(|service| (format!("`{}`: umask", service.name), service.umask));
    for (what, umask) in std::iter::once(app).chain(declared) {
        let Some(umask) = umask.filter(|umask| umask & 0o700 != 0) else { continue };
        let lost = match umask {
            umask if umask & 0o100 != 0 => "new directories could not be entered",
            umask if umask & 0o200 != 0 => "new files could not be written again",
            _ => "new files could not be read",
        };
        notes.notice(format!(
            "{what} {umask:03o} removes permissions from the owner too: {lost}; did you mean {:03o}?",
            intended_mask(umask)
        ));
    }
}

/// The umask that may be intended instead: the same for group and others; if it looks like the mode of a file or directory
/// (0644, 0755), the umask that results in that mode.
fn intended_mask(umask: u32) -> u32 {
    let is_mode = umask & 0o600 == 0o600;
    let removed = |shift: u32| {
        let digit = umask >> shift & 0o7;
        // Read permission of a file corresponds to search permission of a directory.
        let wanted = digit | (digit & 0o4) >> 2;
        if is_mode { 0o7 & !wanted } else { digit }
    };
    match removed(3) << 3 | removed(0) {
        // Nobody is told to let everybody write.
        0 => 0o022,
        mask => mask,
    }
}

/// Shells such as dash and busybox's pass on only variables with valid shell names: `command` keeps the others.
pub(super) fn of_shell_names(config: &Config, facts: &Facts, notes: &mut Notes) {
    let mut by_names: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
    for service in &config.services {
        let auxiliary = service.auxiliary_commands();
        let mut all = auxiliary.iter().map(|(_, command)| command).chain([&service.command]);
        if !all.any(|command| matches!(command, Command::Script(_))) {
            continue;
        }
        let declared = service.environment.keys().filter(|name| !is_shell_name(name));
        let given = facts.no_shell_names.iter().filter(|_| service.inherits_variables(config.s6.as_ref()));
        let names: BTreeSet<_> = declared.chain(given).cloned().collect();
        if !names.is_empty() {
            by_names.entry(names.into_iter().collect()).or_default().push(format!("`{}`", service.name));
        }
    }
    for (names, services) in by_names {
        let (names, services) = (names.join(", "), services.join(", "));
        notes.notice(format!(
            "{services}: a `script` may not see {names}: shells drop variables whose names are not valid in a shell; write \
             `command = […]`, or name them with letters, digits and `_`"
        ));
    }
}

/// Returns whether a name is a valid shell name (POSIX, 3.231).
pub fn is_shell_name(name: &str) -> bool {
    let begins = name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    begins && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
