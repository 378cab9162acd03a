//! A script of a service directory → a command that needs no file: its argv if it is one plain command, else its text as the
//! argument of its shell. Text in, command out; must not know which service it belongs to.

use std::ffi::OsString;

use super::shell_command;
use crate::config::service::{Command, RunAs};
use crate::config::values::{Gid, Uid, UserName};
use crate::config::{line_endings, units};

/// The shell of `script`.
const SH: &str = "/bin/sh";
/// Gives a script the variables of the container (s6-overlay).
const WITH_CONTENV: &str = "with-contenv";
/// Changes the user, with the account's groups (s6).
const SETUIDGID: &str = "s6-setuidgid";
/// The same, of runit.
const CHPST: &str = "chpst";
/// A longer text stays in its file. The kernel takes arguments of 128 KiB (MAX_ARG_STRLEN).
const MAX_INLINE: usize = 32 * 1024;

/// What a script comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TranslatedScript {
    /// Its command.
    pub command: Command,
    /// The user that it becomes, if it is only a change of user and a plain command.
    pub user: Option<RunAs>,
    /// Whether it wants the variables of the container.
    pub wants_variables: bool,
}

/// The first line of a script.
struct ScriptInterpreter {
    /// The program and its options.
    argv: Vec<String>,
    wants_variables: bool,
}

/// How much of a script may become keys of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptRole {
    /// It is the service's only one: its user may become the service's.
    Alone,
    /// There are others, which may need another user.
    Command,
    /// The same, called without arguments.
    StopCommand,
    /// It is called with arguments, which its program must not get.
    Finish,
}

/// Translates a script that is called `name` and gets these arguments. `None`: it has to stay a file, because it is no shell's,
/// because it looks for its own file, or because it is long.
pub fn translate(text: &str, name: &str, arguments: &[OsString], role: ScriptRole) -> Option<TranslatedScript> {
    let (first, body) = text.split_once('\n').unwrap_or((text, ""));
    let interpreter = interpreter(first)?;
    let mut translated =
        TranslatedScript { command: Command::Nothing, user: None, wants_variables: interpreter.wants_variables };
    // `-x` would show the command, `-n` not run it.
    let is_plain_shell = matches!(interpreter.argv.get(1..), Some([]) | None)
        || interpreter.argv.get(1..).is_some_and(|options| options == ["-e"]);
    if is_plain_shell
        && role != ScriptRole::Finish
        && let Some(argv) = shell_command::only_command(body)
    {
        let argv = without_wrappers(argv, role, &mut translated);
        translated.command = Command::Argv(argv.into_iter().map(OsString::from).collect());
        return Some(translated);
    }
    if body.len() > MAX_INLINE || names_itself(body) || body.contains('\0') || body.contains('\r') {
        return None;
    }
    let has_arguments = role == ScriptRole::Finish || uses_arguments(body);
    let is_sh_e = match interpreter.argv.as_slice() {
        [shell] => shell == SH && first_code_line(body) == Some("set -e"),
        [shell, option] => shell == SH && option == "-e",
        _ => false,
    };
    translated.command = match is_sh_e && !has_arguments {
        true => Command::Script(body.to_owned()),
        false => {
            let shell = interpreter.argv.into_iter().chain(["-c".to_owned(), body.to_owned()]).map(OsString::from);
            let rest = [OsString::from(name)].into_iter().chain(arguments.iter().cloned()).filter(|_| has_arguments);
            Command::Argv(shell.chain(rest).collect())
        }
    };
    Some(translated)
}

/// Reads `#!/bin/sh -e`, `#!/usr/bin/env bash`, `#!/command/with-contenv bash`. The kernel makes one argument of what follows
/// the program. `None`: it is no shell.
fn interpreter(line: &str) -> Option<ScriptInterpreter> {
    let line = line.strip_prefix("#!")?.trim();
    let (program, argument) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let argument = argument.trim();
    let base = program.rsplit('/').next().unwrap_or_default();
    let one_word =
        |word: &str| Some(word).filter(|word| !word.is_empty() && !word.contains([' ', '\t'])).map(str::to_owned);
    let (argv, wants_variables) = match base {
        WITH_CONTENV => (vec![one_word(argument)?], true),
        "env" => (vec![one_word(argument)?], false),
        _ if argument.is_empty() => (vec![program.to_owned()], false),
        _ => (vec![program.to_owned(), one_word(argument)?], false),
    };
    let shell = argv.first().filter(|word| line_endings::is_shell(word) && !word.ends_with("busybox"))?;
    let options_are_letters = argv.get(1).is_none_or(|option| option.starts_with('-') && !option.starts_with("--"));
    (options_are_letters && shell.as_str() != WITH_CONTENV).then_some(ScriptInterpreter { argv, wants_variables })
}

/// Takes away what only prepares the process as a service's keys do.
fn without_wrappers(mut argv: Vec<String>, role: ScriptRole, translated: &mut TranslatedScript) -> Vec<String> {
    loop {
        let base = argv.first().and_then(|word| word.rsplit('/').next()).unwrap_or_default();
        match (base, argv.get(1)) {
            (WITH_CONTENV, Some(_)) => {
                translated.wants_variables = true;
                argv.remove(0);
            }
            (SETUIDGID, Some(account)) if role == ScriptRole::Alone && argv.len() > 2 && translated.user.is_none() => {
                let Some(user) = account_of(account) else { return argv };
                translated.user = Some(user);
                argv.drain(..2);
            }
            (CHPST, Some(option)) if role == ScriptRole::Alone && option == "-u" && translated.user.is_none() => {
                let user = argv.get(2).filter(|account| argv.len() > 3 && !account.contains(':'));
                let Some(user) = user.and_then(|account| account_of(account)) else { return argv };
                translated.user = Some(user);
                argv.drain(..3);
            }
            _ => return argv,
        }
    }
}

/// An account as s6-setuidgid takes it.
fn account_of(text: &str) -> Option<RunAs> {
    match text.split_once(':') {
        Some((uid, gid)) => match (units::id(uid.as_bytes()).ok()?, units::id(gid.as_bytes()).ok()?) {
            (0, 0) => Some(RunAs::Root),
            // Group 0 is not given up then (FIELD §2.8).
            (0, _) | (_, 0) => None,
            (uid, gid) => Some(RunAs::Ids(Uid(uid), Gid(gid))),
        },
        None => UserName::new(text).map(RunAs::Account),
    }
}

/// Whether a script looks for its own file.
fn names_itself(body: &str) -> bool {
    ["$0", "${0", "BASH_SOURCE"].iter().any(|word| body.contains(word))
}

/// Whether a script reads its arguments.
fn uses_arguments(body: &str) -> bool {
    let after = |start: &str| {
        body.match_indices(start).filter_map(|(at, _)| body.get(at + start.len()..)?.chars().next()).collect::<Vec<_>>()
    };
    let is_argument = |letter: &char| letter.is_ascii_digit() || matches!(letter, '@' | '*' | '#');
    after("$").iter().chain(&after("${")).any(is_argument) || body.split_whitespace().any(|word| word == "shift")
}

fn first_code_line(body: &str) -> Option<&str> {
    body.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(argv: &[&str]) -> Command {
        Command::Argv(argv.iter().map(OsString::from).collect())
    }

    fn of(text: &str) -> TranslatedScript {
        translate(text, "run", &["web".into()], ScriptRole::Alone).unwrap_or_else(|| panic!("{text:?} is a shell's"))
    }

    #[test]
    fn a_plain_command_needs_no_shell_and_no_wrapper() {
        let plain = of("#!/bin/sh\nexec nginx -g 'daemon off;'\n");
        assert_eq!(
            (plain.command, plain.user, plain.wants_variables),
            (argv(&["nginx", "-g", "daemon off;"]), None, false)
        );
        let wrapped = of("#!/command/with-contenv bash\n# as abc\nexec s6-setuidgid abc /app/web --port 80\n");
        let abc = UserName::new("abc").map(RunAs::Account);
        assert_eq!((wrapped.command, wrapped.user), (argv(&["/app/web", "--port", "80"]), abc));
        assert!(wrapped.wants_variables);
        assert_eq!(of("#!/bin/sh\ns6-setuidgid 5:6 x\n").user, Some(RunAs::Ids(Uid(5), Gid(6))));
        assert_eq!(of("#!/bin/sh\ns6-setuidgid 5:0 x\n").command, argv(&["s6-setuidgid", "5:0", "x"]));
    }

    #[test]
    fn another_script_of_a_shell_becomes_its_argument() {
        assert_eq!(of("#!/bin/sh\na\nb\n").command, argv(&["/bin/sh", "-c", "a\nb\n"]));
        assert_eq!(of("#!/usr/bin/env bash\necho $1\n").command, argv(&["bash", "-c", "echo $1\n", "run", "web"]));
        assert_eq!(of("#!/bin/sh -e\na\nb\n").command, Command::Script("a\nb\n".to_owned()));
        assert_eq!(of("#!/bin/sh\n# x\nset -e\nb\n").command, Command::Script("# x\nset -e\nb\n".to_owned()));
        assert_eq!(of("#!/bin/bash -ex\na\n").command, argv(&["/bin/bash", "-ex", "-c", "a\n"]));
    }

    #[test]
    fn a_finish_script_keeps_its_arguments_to_itself_and_one_of_several_keeps_its_user() {
        let finish = translate("#!/bin/sh\nexec report\n", "finish", &[], ScriptRole::Finish).unwrap();
        assert_eq!(finish.command, argv(&["/bin/sh", "-c", "exec report\n", "finish"]));
        let one = translate("#!/bin/sh\ns6-setuidgid abc x\n", "run", &[], ScriptRole::Command).unwrap();
        assert_eq!((one.command, one.user), (argv(&["s6-setuidgid", "abc", "x"]), None));
    }

    #[test]
    fn what_needs_its_file_or_is_no_shells_stays() {
        let scripts = [
            "#!/usr/bin/python3\nx\n",
            "#!/command/execlineb -P\nx\n",
            "#!/bin/sh\ncd \"$(dirname \"$0\")\"\nx\n",
            "exec x\n",
            "#!/usr/bin/with-contenv python3\nx\n",
            "#!/usr/bin/with-contenv bash -e\nx\n",
            "#!/bin/bash --login\nx\n",
            "#!/bin/busybox sh\nx\n",
            "#!/usr/bin/with-contenv\nx\n",
        ];
        for script in scripts {
            assert_eq!(translate(script, "run", &[], ScriptRole::Alone), None, "{script:?}");
        }
        let long = format!("#!/bin/sh\na\n{}", "b\n".repeat(MAX_INLINE));
        assert_eq!(translate(&long, "run", &[], ScriptRole::Alone), None);
    }
}
