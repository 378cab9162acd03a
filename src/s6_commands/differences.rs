//! Where a command is meant to do something else than its original. The documentation is generated from this table, and the
//! tests show each row: any other difference from an original makes them fail. Must not know how a command does it.

/// A difference that is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The command.
    pub command: &'static str,
    /// In which case they differ.
    pub case: &'static str,
    /// What the original does then.
    pub original: &'static str,
    /// What ours does.
    pub ours: &'static str,
    /// Why.
    pub reason: &'static str,
}

/// All that are meant, in the order of the documentation.
pub const DIFFERENCES: &[Difference] = &[
    Difference {
        command: "s6-setuidgid",
        case: "the process has these ids already, and cannot change them",
        original: "exit 111",
        ours: "executes the program, and says so once",
        reason: "the same script works with `docker run --user`, without a branch for it",
    },
    Difference {
        command: "s6-setuidgid",
        case: "another user, in a container that runs as one user as a whole (`--user`)",
        original: "exit 111",
        ours: "executes the program as it is, and says so once",
        reason: "the same script works with `docker run --user`, without a branch for it",
    },
    Difference {
        command: "s6-setuidgid",
        case: "an account that `/etc/nsswitch.conf` has from another source, or hides; all commands that take accounts",
        original: "asks the C library",
        ours: "reads `/etc/passwd` and `/etc/group` alone",
        reason: "a static program loads no modules of the image, and all of stepdown looks accounts up in this way",
    },
    Difference {
        command: "s6-applyuidgid",
        case: "`-G` with a list that is none, such as `7x`",
        original: "takes the numbers that it can read",
        ours: "exit 100 with the usage",
        reason: "a mistake must not give a process groups that nobody wrote",
    },
    Difference {
        command: "s6-envdir",
        case: "`-L` without `-f`: a line without a newline",
        original: "loses it",
        ours: "keeps it",
        reason: "the value would be empty",
    },
    Difference {
        command: "posix-umask",
        case: "`g=`: a class with no permission",
        original: "leaves the class what it had",
        ours: "takes all from the class",
        reason: "POSIX has it so",
    },
    Difference {
        command: "homeof",
        case: "an account that is not there",
        original: "a message with one colon too many",
        ours: "the message without it",
        reason: "it is a slip",
    },
    Difference {
        command: "shift",
        case: "a block that is not there",
        original: "a message without its number, and with one colon too many",
        ours: "the message with it",
        reason: "it is a slip",
    },
    Difference {
        command: "envfile",
        case: "the number of the line where a text is wrong, behind a line that ends with blanks",
        original: "does not count that line",
        ours: "counts it",
        reason: "an editor counts it too",
    },
    Difference {
        command: "execlineb",
        case: "`-e`",
        original: "not known before execline 2.9.4",
        ours: "ignored, as by execline 2.9.4 and later",
        reason: "programs call `$SHELL -ec SCRIPT`; images of s6-overlay 3.2 have these versions",
    },
    Difference {
        command: "importas",
        case: "`-S`",
        original: "not known before execline 2.9.6",
        ours: "as execline 2.9.6 and later",
        reason: "images of s6-overlay 3.2 have these",
    },
    Difference {
        command: "elglob",
        case: "`-d`, `-n`",
        original: "not known before execline 2.9.6",
        ours: "as execline 2.9.6 and later",
        reason: "images of s6-overlay 3.2 have these",
    },
    Difference {
        command: "trap",
        case: "real-time signals, which have numbers alone",
        original: "known",
        ours: "exit 100: unrecognized directive",
        reason: "no script of an image traps one",
    },
    Difference {
        command: "foreground",
        case: "the name of a process (`ps`) behind commands that only pass on to the rest of their words",
        original: "the last command's: each is executed in place of the one before",
        ours: "the first command's",
        reason: "a chain is run by one process without executing it anew for each word, which takes a fraction of the time",
    },
    Difference {
        command: "s6-log",
        case: "the input ends with a line without a newline",
        original: "loses the line",
        ours: "writes it",
        reason: "it often says why a service ended",
    },
    Difference {
        command: "s6-log",
        case: "`current` and `previous` are both left by an interrupted rotation",
        original: "exit 111: both get the same name",
        ours: "archives both",
        reason: "logging must go on after a crash",
    },
    Difference {
        command: "s6-log",
        case: "the first run of a processor (`!`, `?`) in a directory without a `state`",
        original: "gives it no descriptor 5 to write a state",
        ours: "gives it one",
        reason: "the manual promises it",
    },
    Difference {
        command: "s6-log",
        case: "`-t`: TERM or HUP in the middle of a line",
        original: "waits for the rest without a limit, before s6 2.12",
        ours: "ends the line after `-t` milliseconds (2000), as s6 2.12 and later do",
        reason: "images of s6-overlay 3.2 have these",
    },
    Difference {
        command: "s6-log",
        case: "the directive `R`: rotation after a time",
        original: "not known before s6 2.14",
        ours: "as s6 2.14 and later",
        reason: "images of s6-overlay 3.2 have these",
    },
    Difference {
        command: "s6-setlock",
        case: "`-d`",
        original: "not known before s6 2.12",
        ours: "the lock is at that descriptor, as in s6 2.12 and later",
        reason: "images of s6-overlay 3.2 have these",
    },
    Difference {
        command: "s6-svc",
        case: "several service directories; `-l`, `-P`, `-C`, `-K`",
        original: "takes one directory before s6 2.14, and knows no such letters before 2.13 and 2.15.1",
        ours: "as s6 2.15.1",
        reason: "images of s6-overlay 3.2 have these",
    },
    Difference {
        command: "s6-notifyoncheck",
        case: "no s6-supervise runs in the directory",
        original: "exit 100",
        ours: "works",
        reason: "PID 1 supervises",
    },
    Difference {
        command: "s6-notifyoncheck",
        case: "a check that takes longer than `-t`",
        original: "is left running",
        ours: "is ended",
        reason: "checks that hang would pile up",
    },
    Difference {
        command: "s6-svstat",
        case: "the process group of a service",
        original: "not shown before s6 2.13",
        ours: "shown as s6 2.13 and later do",
        reason: "images of s6-overlay 3.2 have these",
    },
    Difference {
        command: "s6-rc",
        case: "`list`, `listall`: services of s6-rc and s6-overlay themselves",
        original: "`s6rc-oneshot-runner`, `s6rc-fdholder`; `legacy-cont-init`, `legacy-services`",
        ours: "none of the former; a service for each script of cont-init.d and cont-finish.d, and each of services.d",
        reason: "PID 1 runs oneshots, keeps pipes, and reports each script by itself",
    },
    Difference {
        command: "s6-rc",
        case: "a name that is unknown",
        original: "exit 3, and the message names the database",
        ours: "exit 3, and it does not",
        reason: "there is no database",
    },
    Difference {
        command: "s6-rc",
        case: "`-n`: a dry run",
        original: "prints the commands that would be executed",
        ours: "prints what would be done, with `-v 2`",
        reason: "PID 1 does it without commands",
    },
    Difference {
        command: "s6-rc",
        case: "`-v 2` and `-v 3`: services that are started or stopped because of a named one",
        original: "names them",
        ours: "does not",
        reason: "PID 1 says it in the log of the container",
    },
];
