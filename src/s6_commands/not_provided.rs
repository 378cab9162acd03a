//! The programs that s6-overlay 3.2.3 ships and stepdown does not have, each with what to use in its place. Called by such a
//! name, stepdown says this. Must not know why a script calls one.

use std::ffi::OsStr;
use std::path::Path;

use crate::s6_commands::package::Package;

/// A program that is not provided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotProvided {
    /// Its name.
    pub name: &'static str,
    /// Whose program it is.
    pub origin: Package,
    /// What to use in its place.
    pub instead: &'static str,
}

const SUPERVISION: &str = "PID 1 supervises the services of its trees itself";
const EVENTS: &str = "`s6-svwait` waits for one event, `stepdown events` prints all";
const SOCKETS: &str = "a service that listens by itself";
const RUN_AS: &str = "`stepdown run-as USER COMMAND`, or `user` in the service's file";
const PIPES: &str = "`producer-for` and `consumer-for`: PID 1 keeps their pipe open over restarts";
const INSTANCES: &str = "one service for each instance";
const NOTIFY: &str = "`ready = { notify = true }` in the service's file";
const DATABASE: &str = "nothing has to be compiled; `stepdown check` finds the mistakes in definitions";
const RELOAD: &str = "change the services tree, then `stepdown reload`";
const INIT: &str = "stepdown is the init, by its link `/init`";
const STAMPS: &str = "`s6-log t` or `s6-log T` writes stamps; `date -d` reads those of `T`";
const SHELL: &str = "quotes of the shell, or `define` of execline";

/// All of them, in the order of the documentation.
pub const NOT_PROVIDED: &[NotProvided] = &[
    s6("s6-svscan", SUPERVISION),
    s6("s6-supervise", SUPERVISION),
    s6("s6-svscanboot", SUPERVISION),
    s6("s6-svlink", RELOAD),
    s6("s6-svunlink", RELOAD),
    s6("s6-svperms", "the app user and root may control services, nobody else"),
    s6("s6-svdt", "`stepdown status SERVICE` shows how often a service ended"),
    s6("s6-svdt-clear", "`stepdown status SERVICE` shows how often a service ended"),
    s6("s6-permafailon", "`exit 125` in `finish`, or `restart = { limit = 10 }` in the service's file"),
    s6("s6-svlisten", EVENTS),
    s6("s6-svlisten1", EVENTS),
    s6("s6-ftrig-listen", EVENTS),
    s6("s6-ftrig-listen1", EVENTS),
    s6("s6-ftrig-notify", EVENTS),
    s6("s6-ftrig-wait", EVENTS),
    s6("s6-mkfifodir", EVENTS),
    s6("s6-cleanfifodir", EVENTS),
    s6("s6-background-watch", "`background`, and a service of its own for what has to be watched"),
    s6("s6-notify-fd-from-socket", NOTIFY),
    s6("s6-notify-socket-from-fd", NOTIFY),
    s6("s6-fghack", "the option of the daemon that keeps it in the foreground"),
    s6("s6-setsid", "each service has a session of its own; `setsid` of util-linux"),
    s6("s6-softlimit", "`[limits]` in the service's file, or `ulimit` of the shell"),
    s6("s6-socklog", "a syslog daemon as a service"),
    s6("ucspilogd", "a syslog daemon as a service"),
    s6("s6-tai64n", STAMPS),
    s6("s6-tai64nlocal", STAMPS),
    s6("s6-accessrules-cdb-from-fs", SOCKETS),
    s6("s6-accessrules-fs-from-cdb", SOCKETS),
    s6("s6-connlimit", SOCKETS),
    s6("s6-ioconnect", SOCKETS),
    s6("s6-ipcclient", SOCKETS),
    s6("s6-ipcserver", SOCKETS),
    s6("s6-ipcserver-access", SOCKETS),
    s6("s6-ipcserver-socketbinder", SOCKETS),
    s6("s6-ipcserverd", SOCKETS),
    s6("s6-sudo", RUN_AS),
    s6("s6-sudoc", RUN_AS),
    s6("s6-sudod", RUN_AS),
    s6("s6-fdholder-daemon", PIPES),
    s6("s6-fdholderd", PIPES),
    s6("s6-fdholder-delete", PIPES),
    s6("s6-fdholder-getdump", PIPES),
    s6("s6-fdholder-list", PIPES),
    s6("s6-fdholder-retrieve", PIPES),
    s6("s6-fdholder-setdump", PIPES),
    s6("s6-fdholder-store", PIPES),
    s6("s6-fdholder-transferdump", PIPES),
    s6("s6-instance-control", INSTANCES),
    s6("s6-instance-create", INSTANCES),
    s6("s6-instance-delete", INSTANCES),
    s6("s6-instance-list", INSTANCES),
    s6("s6-instance-maker", INSTANCES),
    s6("s6-instance-status", INSTANCES),
    s6("s6-usertree-maker", SUPERVISION),
    s6_rc("s6-rc-compile", DATABASE),
    s6_rc("s6-rc-db", "`s6-rc list` and `s6-rc listall`, `stepdown status`, `stepdown check`"),
    s6_rc("s6-rc-dryrun", "`s6-rc -n 0 change`, `stepdown plan`"),
    s6_rc("s6-rc-format-upgrade", DATABASE),
    s6_rc("s6-rc-init", DATABASE),
    s6_rc("s6-rc-update", RELOAD),
    s6_rc("s6-rc-repo-init", RELOAD),
    s6_rc("s6-rc-repo-list", RELOAD),
    s6_rc("s6-rc-repo-sync", RELOAD),
    s6_rc("s6-rc-set-change", RELOAD),
    s6_rc("s6-rc-set-commit", RELOAD),
    s6_rc("s6-rc-set-copy", RELOAD),
    s6_rc("s6-rc-set-delete", RELOAD),
    s6_rc("s6-rc-set-fix", RELOAD),
    s6_rc("s6-rc-set-install", RELOAD),
    s6_rc("s6-rc-set-new", RELOAD),
    s6_rc("s6-rc-set-status", RELOAD),
    s6_linux_init("s6-linux-init", INIT),
    s6_linux_init("s6-linux-init-echo", "`s6-echo`"),
    s6_linux_init("s6-linux-init-hpr", "`/run/s6/basedir/bin/halt`"),
    s6_linux_init("s6-linux-init-logouthookd", INIT),
    s6_linux_init("s6-linux-init-maker", INIT),
    s6_linux_init("s6-linux-init-nuke", "`/run/s6/basedir/bin/halt`"),
    s6_linux_init("s6-linux-init-shutdown", "`/run/s6/basedir/bin/halt`"),
    s6_linux_init("s6-linux-init-shutdownd", INIT),
    s6_linux_init("s6-linux-init-telinit", "`/run/s6/basedir/bin/halt`"),
    s6_linux_init("s6-linux-init-umountall", "the container's runtime unmounts"),
    portable("s6-clock", "`date`"),
    portable("s6-cut", "`cut`"),
    portable("s6-dumpenv", "a file for each variable, as `s6-envdir` reads them"),
    portable("s6-env", "`env`"),
    portable("s6-expr", "`expr`, or `eltest`"),
    portable("s6-format-filter", "`sed`"),
    portable("s6-grep", "`grep`"),
    portable("s6-head", "`head`"),
    portable("s6-linkname", "`readlink`"),
    portable("s6-ls", "`ls`, or `elglob`"),
    portable("s6-maximumtime", "`timeout`"),
    portable("s6-nice", "`nice` in the service's file, or the program `nice`"),
    portable("s6-nuke", "`/run/s6/basedir/bin/halt`"),
    portable("s6-quote", SHELL),
    portable("s6-quote-filter", SHELL),
    portable("s6-rename", "`mv`"),
    portable("s6-seq", "`seq`"),
    portable("s6-sort", "`sort`"),
    portable("s6-sync", "`sync`"),
    portable("s6-tai64ndiff", STAMPS),
    portable("s6-tail", "`tail`"),
    portable("s6-uniquename", "`mktemp -u`"),
    portable("s6-unquote", SHELL),
    portable("s6-unquote-filter", SHELL),
    portable("s6-update-symlinks", "`s6-ln -sfn`"),
    portable("seekablepipe", "a temporary file"),
    linux("fstab2s6rc", "the container's runtime mounts"),
    linux("rngseed", "the kernel of the host has its seed"),
    linux("s6-chroot", "`chroot`"),
    linux("s6-freeramdisk", "a container has none"),
    linux("s6-logwatch", "`stepdown logs`, or `tail -F` of `current`"),
    linux("s6-mount", "`mount`"),
    linux("s6-pivotchroot", "`pivot_root`"),
    linux("s6-ps", "`ps`"),
    linux("s6-swapoff", "the host has the swap"),
    linux("s6-swapon", "the host has the swap"),
    linux("s6-umount", "`umount`"),
    s6_overlay("s6-overlay-stat", "`stat`"),
    s6_overlay("s6-overlay-suexec", "stepdown needs no setuid program"),
];

const fn s6(name: &'static str, instead: &'static str) -> NotProvided {
    NotProvided { name, origin: Package::S6, instead }
}

const fn s6_rc(name: &'static str, instead: &'static str) -> NotProvided {
    NotProvided { name, origin: Package::S6Rc, instead }
}

const fn s6_linux_init(name: &'static str, instead: &'static str) -> NotProvided {
    NotProvided { name, origin: Package::S6LinuxInit, instead }
}

const fn portable(name: &'static str, instead: &'static str) -> NotProvided {
    NotProvided { name, origin: Package::S6PortableUtils, instead }
}

const fn linux(name: &'static str, instead: &'static str) -> NotProvided {
    NotProvided { name, origin: Package::S6LinuxUtils, instead }
}

const fn s6_overlay(name: &'static str, instead: &'static str) -> NotProvided {
    NotProvided { name, origin: Package::S6Overlay, instead }
}

/// Returns the message that refuses to be a program which stepdown does not have; `None` if the name, the first word of an
/// argument vector, is none of s6.
pub(super) fn refusal(argv0: &OsStr) -> Option<String> {
    let name = Path::new(argv0).file_name()?.to_str()?;
    match instead_of(name.as_bytes()) {
        Some(instead) => Some(format!("{name}: fatal: stepdown does not provide it; instead: {instead}\n")),
        // Nothing else is called so; a later version of s6 may have it.
        None if name.starts_with("s6-") => Some(format!("{name}: fatal: stepdown has no command of this name\n")),
        None => None,
    }
}

/// Returns what to use in the place of a program, if it is one of these.
pub(super) fn instead_of(program: &[u8]) -> Option<&'static str> {
    NOT_PROVIDED.iter().find(|it| it.name.as_bytes() == program).map(|it| it.instead)
}
