//! Programs that run another one as a user, in the arguments of a command and in the text of a script. A service runs as its
//! user from the start, and has no right to become another. Words in, what was found out; must not know services.

/// A call of such a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSwitch<'a> {
    /// Its name.
    pub program: &'a str,
    /// The user that it is to become, if it is named.
    pub user: Option<&'a str>,
    /// The program that it executes, and its arguments; empty where they are not to be told from options.
    pub executed: &'a [&'a str],
}

/// The options of sudo(8) and doas(1) whose value is the next word.
const SUDO_VALUED: [&str; 12] = ["-u", "-g", "-p", "-C", "-D", "-h", "-R", "-r", "-t", "-T", "-U", "--user"];
/// Those of su(1) and runuser(1), besides `-c`, `-s`, `-g`, `-G` and `-w`.
const SU_VALUED: [&str; 6] =
    ["--command", "--session-command", "--shell", "--group", "--supp-group", "--whitelist-environment"];
/// Those of setpriv(1).
const SETPRIV_VALUED: [&str; 12] = [
    "--ambient-caps",
    "--inh-caps",
    "--bounding-set",
    "--ruid",
    "--euid",
    "--rgid",
    "--egid",
    "--reuid",
    "--regid",
    "--groups",
    "--securebits",
    "--pdeathsig",
];

/// Returns whether such a program changes the user by a setuid bit, which `no_new_privileges = false` allows.
pub fn is_setuid(program: &str) -> bool {
    ["sudo", "doas", "su"].contains(&program)
}

/// Returns the change of user that a command begins with.
pub fn of<'a>(argv: &'a [&'a str]) -> Option<UserSwitch<'a>> {
    let (program, arguments) = argv.split_first()?;
    let program = program.rsplit('/').next().unwrap_or_default();
    let (user, executed) = match program {
        "gosu" | "su-exec" | "s6-setuidgid" | "setuidgid" => {
            (arguments.first().copied(), arguments.get(1..).unwrap_or_default())
        }
        "sudo" | "doas" => (value_of(arguments, &["-u", "--user"]), after_options(arguments, &SUDO_VALUED)),
        "setpriv" if arguments.iter().any(|word| word.starts_with("--reuid") || word.starts_with("--regid")) => {
            (value_of(arguments, &["--reuid"]), after_options(arguments, &SETPRIV_VALUED))
        }
        "runuser" if value_of(arguments, &["-u", "--user"]).is_some() => {
            (value_of(arguments, &["-u", "--user"]), after_options(arguments, &["-u", "--user", "-g", "-G", "-w"]))
        }
        // With `-c` the command is a text.
        "su" | "runuser" => (user_of_su(arguments), &[][..]),
        "chpst" if arguments.contains(&"-u") || arguments.contains(&"-U") => {
            (value_of(arguments, &["-u", "-U"]), &[][..])
        }
        _ => return None,
    };
    Some(UserSwitch { program, user, executed })
}

/// The value of one of these options: `-u app`, `--reuid=app`.
fn value_of<'a>(arguments: &[&'a str], options: &[&str]) -> Option<&'a str> {
    let of_word = |(at, word): (usize, &&'a str)| {
        let joined = word.split_once('=').filter(|(option, _)| options.contains(option)).map(|(_, value)| value);
        joined.or_else(|| arguments.get(at + 1).copied().filter(|_| options.contains(word)))
    };
    arguments.iter().enumerate().find_map(of_word)
}

/// The first word of su(1)'s arguments that is neither an option nor the value of one.
fn user_of_su<'a>(arguments: &[&'a str]) -> Option<&'a str> {
    let is_valued = |word: &str| {
        let letters =
            word.strip_prefix('-').filter(|letters| letters.chars().all(|letter| "flmpPcsgGw".contains(letter)));
        SU_VALUED.contains(&word) || letters.is_some_and(|letters| letters.ends_with(['c', 's', 'g', 'G', 'w']))
    };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.starts_with('-') {
            true if is_valued(word) => drop(words.next()),
            true => {}
            false => return Some(*word),
        }
    }
    None
}

/// What follows the options and assignments.
fn after_options<'a>(arguments: &'a [&'a str], valued: &[&str]) -> &'a [&'a str] {
    let mut at = 0;
    while let Some(word) = arguments.get(at) {
        match *word {
            "--" => {
                at += 1;
                break;
            }
            option if valued.contains(&option) => at += 2,
            option if option.starts_with('-') || is_assignment(option) => at += 1,
            _ => break,
        }
    }
    arguments.get(at..).unwrap_or_default()
}

/// Words after which a shell, or execline, expects a command.
const BEFORE_COMMAND: [&str; 18] = [
    "&&",
    "||",
    ";",
    "|",
    "then",
    "do",
    "else",
    "exec",
    "(",
    "{",
    "!",
    "if",
    "while",
    "env",
    "nice",
    "ionice",
    "nohup",
    "foreground",
];
/// How a script asks whether it is root.
const ASKS_FOR_ROOT: [&str; 5] = ["id -u", "EUID", "$UID", "${UID", "whoami"];

/// Returns the first change of user in a script of a shell or of execline, and its line, counted from 1. A script that asks
/// which user it is may have it for where it is root. What follows a here document, or a text of several lines, is not
/// looked at.
pub fn in_script(text: &str) -> Option<(usize, String)> {
    if ASKS_FOR_ROOT.iter().any(|word| text.contains(word)) {
        return None;
    }
    let is_end = |word: &&str| word.ends_with(';') || BEFORE_COMMAND.contains(word);
    let mut is_command = true;
    for (number, line) in (1..).zip(text.lines()) {
        let code = line.trim();
        if code.starts_with('#') {
            continue;
        }
        let words: Vec<_> = code.split_whitespace().filter(|word| *word != "\\").collect();
        for (at, word) in words.iter().enumerate() {
            let is_assigned = is_command && is_assignment(word);
            if is_command && !is_assigned {
                let rest = words.get(at..).unwrap_or_default();
                let end = rest.iter().position(is_end).map_or(rest.len(), |end| end.saturating_add(1));
                if let Some(found) = rest.get(..end).and_then(of) {
                    return Some((number, found.program.to_owned()));
                }
            }
            is_command = is_end(word) || is_assigned;
        }
        if code.contains("<<") || ['\'', '"'].iter().any(|quote| code.matches(*quote).count() % 2 == 1) {
            return None;
        }
        is_command |= !code.ends_with('\\');
    }
    None
}

fn is_assignment(word: &str) -> bool {
    let name = word.split_once('=').map_or("", |(name, _)| name);
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Option<(String, Option<String>, String)> {
        let words: Vec<_> = line.split(' ').collect();
        of(&words).map(|it| (it.program.to_owned(), it.user.map(str::to_owned), it.executed.join(" ")))
    }

    #[test]
    fn the_user_and_what_is_executed_are_told_from_the_options() {
        for (line, program, user, executed) in [
            ("gosu app nginx -g x", "gosu", Some("app"), "nginx -g x"),
            ("/sbin/su-exec app:app web", "su-exec", Some("app:app"), "web"),
            ("/command/s6-setuidgid abc web", "s6-setuidgid", Some("abc"), "web"),
            ("sudo -E -u app web -u x", "sudo", Some("app"), "web -u x"),
            ("sudo A=b web", "sudo", None, "web"),
            ("setpriv --reuid=app --regid app --init-groups web -x", "setpriv", Some("app"), "web -x"),
            ("runuser -u app -- web", "runuser", Some("app"), "web"),
            ("su - app -c web", "su", Some("app"), ""),
            ("su -c web app", "su", Some("app"), ""),
            ("su -s /bin/sh -g www -G x -w A,B app", "su", Some("app"), ""),
            ("su -lc web app", "su", Some("app"), ""),
            ("su --shell=/bin/sh --command web", "su", None, ""),
            ("runuser --user app web", "runuser", Some("app"), "web"),
            ("runuser -l -c web app", "runuser", Some("app"), ""),
            ("chpst -u app web", "chpst", Some("app"), ""),
        ] {
            let expected = (program.to_owned(), user.map(str::to_owned), executed.to_owned());
            assert_eq!(found(line), Some(expected), "{line}");
        }
        for other in ["setpriv --no-new-privs web", "chpst -m 1000 web", "web sudo", "sudoku", ""] {
            assert_eq!(found(other), None, "{other}");
        }
    }

    #[test]
    fn a_script_is_searched_where_it_has_commands() {
        for (script, line, program) in [
            ("#!/bin/sh\nexec gosu app web\n", 2, "gosu"),
            ("#!/bin/sh\n# why\ncd /x && A=b sudo web\n", 3, "sudo"),
            ("if true; then su-exec app web; fi", 1, "su-exec"),
            ("#!/command/execlineb -P\ns6-setuidgid app\nweb\n", 2, "s6-setuidgid"),
            ("exec \\\n  s6-setuidgid app web\n", 2, "s6-setuidgid"),
        ] {
            assert_eq!(in_script(script), Some((line, program.to_owned())), "{script}");
        }
        for script in [
            "echo sudo is not here\n",
            "# exec gosu app web\nexec web\n",
            "[ \"$(id -u)\" = 0 ] && exec gosu app \"$0\"\nexec web\n",
            "cat <<END\nsudo\nEND\n",
            "echo \"a\nsudo b\"\n",
            "exec web \\\n  su\n",
            "apt-get install -y sudo\n",
            "setpriv --no-new-privs web && other --reuid=x\n",
            "",
        ] {
            assert_eq!(in_script(script), None, "{script}");
        }
    }
}
