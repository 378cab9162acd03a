//! All commands by name: who is called by which, what `stepdown install-links` creates, and what the documentation lists.

use crate::s6_commands::call::{Call, CommandResult, HelperCommand, Lifetime};
use crate::s6_commands::package::Package;
use crate::s6_commands::{
    container_environment, control, envdir, execline_commands, fix_attrs, ids, lock, log, logutil_newfifo, lsiown,
    notify_on_check, utilities, with_retries,
};

/// The commands, grouped by what they are for.
pub const COMMANDS: &[HelperCommand] = &[
    command(
        "with-contenv",
        Package::S6Overlay,
        "executes a program with the container environment",
        container_environment::with_contenv,
    ),
    command(
        "printcontenv",
        Package::S6Overlay,
        "prints a variable of the container environment",
        container_environment::printcontenv,
    ),
    command("s6-envdir", Package::S6, "executes a program with the variables of a directory", envdir::s6_envdir),
    command("s6-setuidgid", Package::S6, "executes a program as another user", ids::s6_setuidgid),
    command("s6-envuidgid", Package::S6, "puts the ids of an account into UID, GID and GIDLIST", ids::s6_envuidgid),
    command(
        "s6-applyuidgid",
        Package::S6,
        "executes a program with the ids of its options or of UID, GID and GIDLIST",
        ids::s6_applyuidgid,
    ),
    command(
        "s6-notifyoncheck",
        Package::S6,
        "executes a service, and says that it is ready when a check succeeds",
        notify_on_check::s6_notifyoncheck,
    ),
    command("s6-setlock", Package::S6, "executes a program with a lock on a file", lock::s6_setlock),
    long_running("s6-log", Package::S6, "writes lines into directories of rotated files", log::s6_log),
    long_running("logutil-service", Package::S6Overlay, "runs s6-log for a service", log::logutil_service),
    command(
        "logutil-newfifo",
        Package::S6Overlay,
        "creates a FIFO of an account, in the place of what is there",
        logutil_newfifo::logutil_newfifo,
    ),
    long_running(
        "with-retries",
        Package::S6Overlay,
        "runs a program until it succeeds, a number of times",
        with_retries::with_retries,
    ),
    long_running(
        "fix-attrs",
        Package::S6Overlay,
        "gives paths the owners and modes that lines of fix-attrs.d have",
        fix_attrs::fix_attrs,
    ),
    command("execlineb", Package::Execline, "runs an execline script", execline_commands::script::execlineb),
    command("exec", Package::Execline, "executes a program", execline_commands::sequence::exec),
    command("foreground", Package::Execline, "runs a program, then the rest", execline_commands::sequence::foreground),
    command(
        "background",
        Package::Execline,
        "starts a program, and executes the rest at once",
        execline_commands::sequence::background,
    ),
    command(
        "tryexec",
        Package::Execline,
        "executes a program, or the rest if that is not possible",
        execline_commands::sequence::tryexec,
    ),
    command("exit", Package::Execline, "ends with an exit code", execline_commands::sequence::exit),
    long_running("wait", Package::Execline, "waits for children", execline_commands::wait::wait),
    command("if", Package::Execline, "executes the rest if a program succeeds", execline_commands::conditions::if_),
    command("ifelse", Package::Execline, "executes one of two programs", execline_commands::conditions::ifelse),
    command(
        "ifte",
        Package::Execline,
        "executes one of two programs, by the exit code of the rest",
        execline_commands::conditions::ifte,
    ),
    command(
        "ifthenelse",
        Package::Execline,
        "runs one of two programs, then the rest",
        execline_commands::conditions::ifthenelse,
    ),
    command(
        "case",
        Package::Execline,
        "executes one of several programs, by the pattern that a value matches",
        execline_commands::case::case,
    ),
    long_running(
        "trap",
        Package::Execline,
        "runs the rest, and other programs when signals come",
        execline_commands::trap::trap,
    ),
    command("define", Package::Execline, "replaces a variable by a value", execline_commands::substitutions::define),
    command(
        "importas",
        Package::Execline,
        "replaces a variable by one of the environment",
        execline_commands::substitutions::importas,
    ),
    command(
        "import",
        Package::Execline,
        "replaces a variable of the environment by its value",
        execline_commands::substitutions::import,
    ),
    command(
        "multidefine",
        Package::Execline,
        "splits a value into several variables",
        execline_commands::substitutions::multidefine,
    ),
    command(
        "multisubstitute",
        Package::Execline,
        "replaces several variables at once",
        execline_commands::substitutions::multisubstitute,
    ),
    command(
        "elgetpositionals",
        Package::Execline,
        "replaces the variables of a script's arguments",
        execline_commands::substitutions::elgetpositionals,
    ),
    command(
        "elglob",
        Package::Execline,
        "replaces a variable by the files that a pattern matches",
        execline_commands::substitutions::elglob,
    ),
    command(
        "elgetopt",
        Package::Execline,
        "executes the rest with the options of the script in variables",
        execline_commands::positionals::elgetopt,
    ),
    command(
        "dollarat",
        Package::Execline,
        "prints the arguments of the script",
        execline_commands::positionals::dollarat,
    ),
    command(
        "runblock",
        Package::Execline,
        "executes a block of the script's arguments",
        execline_commands::positionals::runblock,
    ),
    command(
        "envfile",
        Package::Execline,
        "executes the rest with the variables of a file",
        execline_commands::envfile::envfile,
    ),
    command(
        "shift",
        Package::Execline,
        "executes the rest without the first arguments of the script",
        execline_commands::arguments::shift,
    ),
    command("homeof", Package::Execline, "prints the home of an account", execline_commands::arguments::homeof),
    command(
        "export",
        Package::Execline,
        "executes the rest with one more variable",
        execline_commands::variables::export,
    ),
    command(
        "export-array",
        Package::Execline,
        "executes the rest with several values in one more variable",
        execline_commands::variables::export_array,
    ),
    command(
        "unexport",
        Package::Execline,
        "executes the rest without a variable",
        execline_commands::variables::unexport,
    ),
    command(
        "emptyenv",
        Package::Execline,
        "executes the rest with an empty environment",
        execline_commands::variables::emptyenv,
    ),
    command(
        "backtick",
        Package::Execline,
        "executes the rest with a program's output in a variable",
        execline_commands::variables::backtick,
    ),
    long_running(
        "withstdinas",
        Package::Execline,
        "executes the rest with standard input in a variable",
        execline_commands::variables::withstdinas,
    ),
    command(
        "getpid",
        Package::Execline,
        "executes the rest with the process id in a variable",
        execline_commands::variables::getpid,
    ),
    command(
        "getcwd",
        Package::Execline,
        "executes the rest with the working directory in a variable",
        execline_commands::variables::getcwd,
    ),
    command(
        "redirfd",
        Package::Execline,
        "executes the rest with a file at a descriptor",
        execline_commands::descriptors::redirfd,
    ),
    command("fdmove", Package::Execline, "moves or copies a descriptor", execline_commands::descriptors::fdmove),
    command("fdclose", Package::Execline, "closes a descriptor", execline_commands::descriptors::fdclose),
    command("fdswap", Package::Execline, "exchanges two descriptors", execline_commands::descriptors::fdswap),
    command("fdblock", Package::Execline, "sets whether a descriptor blocks", execline_commands::descriptors::fdblock),
    command("fdreserve", Package::Execline, "finds free descriptors", execline_commands::descriptors::fdreserve),
    command("piperw", Package::Execline, "executes the rest with a pipe", execline_commands::pipes::piperw),
    command(
        "pipeline",
        Package::Execline,
        "runs a program that is connected with the rest",
        execline_commands::pipes::pipeline,
    ),
    command(
        "heredoc",
        Package::Execline,
        "executes the rest with a text at a descriptor",
        execline_commands::pipes::heredoc,
    ),
    long_running("forx", Package::Execline, "runs the rest once for each word", execline_commands::loops::forx),
    long_running(
        "forbacktickx",
        Package::Execline,
        "runs the rest once for each line that a program prints",
        execline_commands::loops::forbacktickx,
    ),
    long_running(
        "forstdin",
        Package::Execline,
        "runs the rest once for each line of standard input",
        execline_commands::loops::forstdin,
    ),
    long_running(
        "loopwhilex",
        Package::Execline,
        "runs the rest while it succeeds",
        execline_commands::loops::loopwhilex,
    ),
    command("cd", Package::Execline, "executes the rest in another directory", execline_commands::directory::cd),
    command("umask", Package::Execline, "executes the rest with another umask", execline_commands::directory::umask),
    command("execline-cd", Package::Execline, "the same as cd", execline_commands::directory::cd),
    command("execline-umask", Package::Execline, "the same as umask", execline_commands::directory::umask),
    command("posix-cd", Package::Execline, "cd as POSIX has it", execline_commands::directory::posix_cd),
    long_running("s6-svc", Package::S6, "sends commands to the supervisor of a service", control::s6_svc),
    command("s6-svok", Package::S6, "tells by its exit code whether a service is supervised", control::s6_svok),
    command("s6-svstat", Package::S6, "prints the state of a service", control::s6_svstat),
    long_running("s6-svwait", Package::S6, "waits until services are up, ready or down", control::s6_svwait),
    command("s6-svscanctl", Package::S6, "sends commands to the supervisor as a whole", control::s6_svscanctl),
    long_running("s6-rc", Package::S6Rc, "lists, starts and stops services with what they need", control::s6_rc),
    command("halt", Package::S6LinuxInit, "ends the container", control::halt),
    command("poweroff", Package::S6LinuxInit, "ends the container", control::halt),
    command("reboot", Package::S6LinuxInit, "ends the container", control::halt),
    command("posix-umask", Package::Execline, "umask as POSIX has it", execline_commands::directory::posix_umask),
    command(
        "eltest",
        Package::Execline,
        "tells by its exit code whether an expression is true",
        utilities::eltest::eltest,
    ),
    command("s6-test", Package::S6PortableUtils, "the same, by its older name", utilities::eltest::eltest),
    command("s6-true", Package::S6PortableUtils, "succeeds", utilities::text::s6_true),
    command("s6-false", Package::S6PortableUtils, "fails", utilities::text::s6_false),
    command("s6-echo", Package::S6PortableUtils, "prints its arguments", utilities::text::s6_echo),
    long_running(
        "s6-cat",
        Package::S6PortableUtils,
        "copies standard input to standard output",
        utilities::text::s6_cat,
    ),
    command("s6-basename", Package::S6PortableUtils, "prints the last name of a path", utilities::text::s6_basename),
    command("s6-dirname", Package::S6PortableUtils, "prints a path without its last name", utilities::text::s6_dirname),
    command("s6-printenv", Package::S6PortableUtils, "prints the environment", utilities::text::s6_printenv),
    command("s6-hostname", Package::S6LinuxUtils, "prints or sets the name of the host", utilities::text::s6_hostname),
    long_running("s6-sleep", Package::S6PortableUtils, "executes the rest after a time", utilities::text::s6_sleep),
    long_running("s6-pause", Package::S6PortableUtils, "waits for a signal", utilities::text::s6_pause),
    command("s6-mkdir", Package::S6PortableUtils, "creates directories", utilities::files::s6_mkdir),
    command("s6-mkfifo", Package::S6PortableUtils, "creates FIFOs", utilities::files::s6_mkfifo),
    command("s6-chown", Package::S6PortableUtils, "changes the owner of a file", utilities::files::s6_chown),
    command("s6-chmod", Package::S6PortableUtils, "changes the permissions of a file", utilities::files::s6_chmod),
    command("s6-ln", Package::S6PortableUtils, "creates links", utilities::files::s6_ln),
    long_running("s6-rmrf", Package::S6PortableUtils, "removes trees", utilities::files::s6_rmrf),
    command(
        "s6-touch",
        Package::S6PortableUtils,
        "creates files, or gives them the present time",
        utilities::files::s6_touch,
    ),
    long_running("s6-hiercopy", Package::S6PortableUtils, "copies a tree", utilities::copy::s6_hiercopy),
    long_running(
        "lsiown",
        Package::LinuxServer,
        "gives paths to a user and a group, where they are another's",
        lsiown::lsiown,
    ),
];

const fn command(
    name: &'static str,
    origin: Package,
    summary: &'static str,
    run: fn(Call) -> CommandResult,
) -> HelperCommand {
    HelperCommand { name, origin, summary, lifetime: Lifetime::Short, run }
}

/// A command that may run for long by itself.
const fn long_running(
    name: &'static str,
    origin: Package,
    summary: &'static str,
    run: fn(Call) -> CommandResult,
) -> HelperCommand {
    HelperCommand { name, origin, summary, lifetime: Lifetime::Long, run }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::s6;

    #[test]
    fn no_name_is_there_twice() {
        let mut names: Vec<_> = COMMANDS.iter().map(|command| command.name).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn the_words_of_execline_are_those_that_a_problem_of_an_up_names() {
        for command in COMMANDS {
            let is_word = command.origin == Package::Execline && command.name != "execlineb";
            assert_eq!(s6::is_word_of_execline(command.name), is_word, "{}", command.name);
        }
    }
}
