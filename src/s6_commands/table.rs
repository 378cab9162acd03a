//! All commands by name: who is called by which, what `stepdown install-links` makes, and what the documentation lists.

use crate::s6_commands::call::{Call, Command, Origin, Outcome, Presence};
use crate::s6_commands::{
    container_environment, control, envdir, execline_commands, ids, lock, log, lsiown, notify_on_check, utilities,
};

/// The commands, grouped by what they are for.
pub const COMMANDS: &[Command] = &[
    command(
        "with-contenv",
        Origin::S6Overlay,
        "executes a program with the container environment",
        container_environment::with_contenv,
    ),
    command(
        "printcontenv",
        Origin::S6Overlay,
        "prints a variable of the container environment",
        container_environment::printcontenv,
    ),
    command("s6-envdir", Origin::S6, "executes a program with the variables of a directory", envdir::s6_envdir),
    command("s6-setuidgid", Origin::S6, "executes a program as another user", ids::s6_setuidgid),
    command("s6-envuidgid", Origin::S6, "puts the ids of an account into UID, GID and GIDLIST", ids::s6_envuidgid),
    command(
        "s6-applyuidgid",
        Origin::S6,
        "executes a program with the ids of its options or of UID, GID and GIDLIST",
        ids::s6_applyuidgid,
    ),
    command(
        "s6-notifyoncheck",
        Origin::S6,
        "executes a service, and says that it is ready when a check succeeds",
        notify_on_check::s6_notifyoncheck,
    ),
    command("s6-setlock", Origin::S6, "executes a program with a lock on a file", lock::s6_setlock),
    lasting("s6-log", Origin::S6, "writes lines into directories of rotated files", log::s6_log),
    lasting("logutil-service", Origin::S6Overlay, "runs s6-log for a service", log::logutil_service),
    command("execlineb", Origin::Execline, "runs an execline script", execline_commands::script::execlineb),
    command("exec", Origin::Execline, "executes a program", execline_commands::sequence::exec),
    command("foreground", Origin::Execline, "runs a program, then the rest", execline_commands::sequence::foreground),
    command(
        "background",
        Origin::Execline,
        "starts a program, and executes the rest at once",
        execline_commands::sequence::background,
    ),
    command(
        "tryexec",
        Origin::Execline,
        "executes a program, or the rest if that is not possible",
        execline_commands::sequence::tryexec,
    ),
    command("exit", Origin::Execline, "ends with an exit code", execline_commands::sequence::exit),
    lasting("wait", Origin::Execline, "waits for children", execline_commands::wait::wait),
    command("if", Origin::Execline, "executes the rest if a program succeeds", execline_commands::conditions::if_),
    command("ifelse", Origin::Execline, "executes one of two programs", execline_commands::conditions::ifelse),
    command(
        "ifte",
        Origin::Execline,
        "executes one of two programs, by the exit code of the rest",
        execline_commands::conditions::ifte,
    ),
    command(
        "ifthenelse",
        Origin::Execline,
        "runs one of two programs, then the rest",
        execline_commands::conditions::ifthenelse,
    ),
    command("define", Origin::Execline, "replaces a variable by a value", execline_commands::substitutions::define),
    command(
        "importas",
        Origin::Execline,
        "replaces a variable by one of the environment",
        execline_commands::substitutions::importas,
    ),
    command(
        "import",
        Origin::Execline,
        "replaces a variable of the environment by its value",
        execline_commands::substitutions::import,
    ),
    command(
        "multidefine",
        Origin::Execline,
        "splits a value into several variables",
        execline_commands::substitutions::multidefine,
    ),
    command(
        "multisubstitute",
        Origin::Execline,
        "replaces several variables at once",
        execline_commands::substitutions::multisubstitute,
    ),
    command(
        "elgetpositionals",
        Origin::Execline,
        "replaces the variables of a script's arguments",
        execline_commands::substitutions::elgetpositionals,
    ),
    command(
        "shift",
        Origin::Execline,
        "executes the rest without the first arguments of the script",
        execline_commands::arguments::shift,
    ),
    command("homeof", Origin::Execline, "prints the home of an account", execline_commands::arguments::homeof),
    command(
        "export",
        Origin::Execline,
        "executes the rest with one more variable",
        execline_commands::variables::export,
    ),
    command(
        "unexport",
        Origin::Execline,
        "executes the rest without a variable",
        execline_commands::variables::unexport,
    ),
    command(
        "emptyenv",
        Origin::Execline,
        "executes the rest with an empty environment",
        execline_commands::variables::emptyenv,
    ),
    command(
        "backtick",
        Origin::Execline,
        "executes the rest with a program's output in a variable",
        execline_commands::variables::backtick,
    ),
    lasting(
        "withstdinas",
        Origin::Execline,
        "executes the rest with standard input in a variable",
        execline_commands::variables::withstdinas,
    ),
    command(
        "getpid",
        Origin::Execline,
        "executes the rest with the process id in a variable",
        execline_commands::variables::getpid,
    ),
    command(
        "getcwd",
        Origin::Execline,
        "executes the rest with the working directory in a variable",
        execline_commands::variables::getcwd,
    ),
    command(
        "redirfd",
        Origin::Execline,
        "executes the rest with a file at a descriptor",
        execline_commands::descriptors::redirfd,
    ),
    command("fdmove", Origin::Execline, "moves or copies a descriptor", execline_commands::descriptors::fdmove),
    command("fdclose", Origin::Execline, "closes a descriptor", execline_commands::descriptors::fdclose),
    command("fdswap", Origin::Execline, "exchanges two descriptors", execline_commands::descriptors::fdswap),
    command("fdblock", Origin::Execline, "sets whether a descriptor blocks", execline_commands::descriptors::fdblock),
    command("fdreserve", Origin::Execline, "finds free descriptors", execline_commands::descriptors::fdreserve),
    command("piperw", Origin::Execline, "executes the rest with a pipe", execline_commands::pipes::piperw),
    command(
        "pipeline",
        Origin::Execline,
        "runs a program that is connected with the rest",
        execline_commands::pipes::pipeline,
    ),
    command(
        "heredoc",
        Origin::Execline,
        "executes the rest with a text at a descriptor",
        execline_commands::pipes::heredoc,
    ),
    lasting("forx", Origin::Execline, "runs the rest once for each word", execline_commands::loops::forx),
    lasting(
        "forbacktickx",
        Origin::Execline,
        "runs the rest once for each line that a program prints",
        execline_commands::loops::forbacktickx,
    ),
    lasting(
        "forstdin",
        Origin::Execline,
        "runs the rest once for each line of standard input",
        execline_commands::loops::forstdin,
    ),
    lasting("loopwhilex", Origin::Execline, "runs the rest while it succeeds", execline_commands::loops::loopwhilex),
    command("cd", Origin::Execline, "executes the rest in another directory", execline_commands::directory::cd),
    command("umask", Origin::Execline, "executes the rest with another umask", execline_commands::directory::umask),
    command("posix-cd", Origin::Execline, "cd as POSIX has it", execline_commands::directory::posix_cd),
    lasting("s6-svc", Origin::S6, "sends commands to the supervisor of a service", control::s6_svc),
    command("s6-svok", Origin::S6, "tells by its exit code whether a service is supervised", control::s6_svok),
    command("s6-svstat", Origin::S6, "prints the state of a service", control::s6_svstat),
    lasting("s6-svwait", Origin::S6, "waits until services are up, ready or down", control::s6_svwait),
    command("s6-svscanctl", Origin::S6, "sends commands to the supervisor as a whole", control::s6_svscanctl),
    lasting("s6-rc", Origin::S6Rc, "lists, starts and stops services with what they need", control::s6_rc),
    command("halt", Origin::S6LinuxInit, "ends the container", control::halt),
    command("poweroff", Origin::S6LinuxInit, "ends the container", control::halt),
    command("reboot", Origin::S6LinuxInit, "ends the container", control::halt),
    command("posix-umask", Origin::Execline, "umask as POSIX has it", execline_commands::directory::posix_umask),
    command(
        "eltest",
        Origin::Execline,
        "tells by its exit code whether an expression is true",
        utilities::eltest::eltest,
    ),
    command("s6-test", Origin::S6PortableUtils, "the same, by its older name", utilities::eltest::eltest),
    command("s6-true", Origin::S6PortableUtils, "succeeds", utilities::text::s6_true),
    command("s6-false", Origin::S6PortableUtils, "fails", utilities::text::s6_false),
    command("s6-echo", Origin::S6PortableUtils, "prints its arguments", utilities::text::s6_echo),
    lasting("s6-cat", Origin::S6PortableUtils, "copies standard input to standard output", utilities::text::s6_cat),
    command("s6-basename", Origin::S6PortableUtils, "prints the last name of a path", utilities::text::s6_basename),
    command("s6-dirname", Origin::S6PortableUtils, "prints a path without its last name", utilities::text::s6_dirname),
    command("s6-printenv", Origin::S6PortableUtils, "prints the environment", utilities::text::s6_printenv),
    command("s6-hostname", Origin::S6LinuxUtils, "prints or sets the name of the host", utilities::text::s6_hostname),
    lasting("s6-sleep", Origin::S6PortableUtils, "executes the rest after a time", utilities::text::s6_sleep),
    lasting("s6-pause", Origin::S6PortableUtils, "waits for a signal", utilities::text::s6_pause),
    command("s6-mkdir", Origin::S6PortableUtils, "makes directories", utilities::files::s6_mkdir),
    command("s6-mkfifo", Origin::S6PortableUtils, "makes FIFOs", utilities::files::s6_mkfifo),
    command("s6-chown", Origin::S6PortableUtils, "changes the owner of a file", utilities::files::s6_chown),
    command("s6-chmod", Origin::S6PortableUtils, "changes the permissions of a file", utilities::files::s6_chmod),
    command("s6-ln", Origin::S6PortableUtils, "makes links", utilities::files::s6_ln),
    lasting("s6-rmrf", Origin::S6PortableUtils, "removes trees", utilities::files::s6_rmrf),
    command("s6-touch", Origin::S6PortableUtils, "makes files, or makes them new", utilities::files::s6_touch),
    lasting("s6-hiercopy", Origin::S6PortableUtils, "copies a tree", utilities::copy::s6_hiercopy),
    lasting(
        "lsiown",
        Origin::LinuxServer,
        "gives paths to a user and a group, where they are another's",
        lsiown::lsiown,
    ),
];

const fn command(name: &'static str, origin: Origin, summary: &'static str, run: fn(Call) -> Outcome) -> Command {
    Command { name, origin, summary, presence: Presence::Passing, run }
}

/// A command that may run for long by itself.
const fn lasting(name: &'static str, origin: Origin, summary: &'static str, run: fn(Call) -> Outcome) -> Command {
    Command { name, origin, summary, presence: Presence::Lasting, run }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_there_twice() {
        let mut names: Vec<_> = COMMANDS.iter().map(|command| command.name).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
