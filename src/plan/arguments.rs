//! Programs in the arguments of a command: the script of a shell or an interpreter (`sh /data/hook`), the program that a
//! wrapper executes (`env /data/hook`). They run with the same rights as the command itself. Only literal arguments: no
//! inline code (`sh -c`), no modules, no files that are read. Must not know what these files are.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::config::service::Command;

/// Most nested wrappers; more is not a real command.
const MAX_NESTED: usize = 8;

/// An interpreter, by the beginning of its name: a version may follow.
struct InterpreterOptions {
    names: &'static [&'static str],
    /// Option letters for inline code.
    inline: &'static str,
    /// Whether such a letter may stand anywhere among others (`-ec`), or only at their end (`-um` of python, whose `-Wonce`
    /// is no code).
    anywhere: bool,
    /// Options whose value is the next word.
    valued: &'static [&'static str],
}

/// bash(1), dash(1), zsh(1); python(1), perlrun(1), ruby(1), node(1), php(1), lua(1).
const INTERPRETERS: [InterpreterOptions; 6] = [
    InterpreterOptions {
        names: &["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh"],
        inline: "c",
        anywhere: true,
        valued: &["-o", "+o", "-O", "+O", "--rcfile", "--init-file"],
    },
    InterpreterOptions { names: &["python", "pypy"], inline: "cm", anywhere: false, valued: &["-W", "-X"] },
    InterpreterOptions {
        names: &["perl", "lua", "ruby"],
        inline: "eE",
        anywhere: false,
        valued: &["-I", "-l", "-r", "-C"],
    },
    InterpreterOptions {
        names: &["node", "nodejs"],
        inline: "ep",
        anywhere: false,
        valued: &["-r", "--require", "--import", "--loader"],
    },
    InterpreterOptions { names: &["php"], inline: "r", anywhere: false, valued: &["-c", "-d"] },
    InterpreterOptions { names: &["tclsh", "Rscript", "escript"], inline: "", anywhere: false, valued: &["-e"] },
];

/// A program that executes the rest of its arguments.
struct Wrapper {
    names: &'static [&'static str],
    /// The number of operands before the executed program.
    operands: usize,
    /// As above.
    valued: &'static [&'static str],
}

const WRAPPERS: [Wrapper; 3] = [
    Wrapper {
        names: &["env", "nice", "ionice", "nohup", "setsid", "stdbuf", "busybox", "tini", "dumb-init", "catatonit"],
        operands: 0,
        valued: &["-u", "-C", "--unset", "--chdir", "-n", "-c", "-i", "-o", "-e"],
    },
    Wrapper { names: &["setpriv"], operands: 0, valued: &["--reuid", "--regid", "--ruid", "--rgid", "--groups"] },
    Wrapper {
        names: &["timeout", "chrt", "taskset", "chroot", "gosu", "su-exec", "setuidgid", "s6-setuidgid"],
        operands: 1,
        valued: &["-k", "-s", "--kill-after", "--signal"],
    },
];

/// Returns the programs in the arguments of a command, in order; a relative path starts at the service's working directory.
pub fn programs(command: &Command, directory: &Path) -> Vec<PathBuf> {
    let Command::Argv(argv) = command else { return Vec::new() };
    let mut rest = argv.as_slice();
    let mut found = Vec::new();
    for _ in 0..MAX_NESTED {
        let [program, arguments @ ..] = rest else { break };
        let name = Path::new(program).file_name().and_then(OsStr::to_str).unwrap_or_default();
        if name == "java" {
            let jar = arguments.iter().skip_while(|word| *word != "-jar").nth(1);
            found.extend(jar.map(|word| directory.join(word)));
            break;
        }
        if let Some(interpreter) = INTERPRETERS.iter().find(|it| it.is(name)) {
            found.extend(interpreter.script(arguments).map(|word| directory.join(word)));
            break;
        }
        let Some(wrapper) = WRAPPERS.iter().find(|it| it.names.contains(&name)) else { break };
        rest = wrapper.executed(arguments);
        found.extend(rest.first().filter(|word| has_slash(word)).map(|word| directory.join(word)));
    }
    found
}

/// Returns what a command executes in the end, behind wrappers.
pub(super) fn executed<T: AsRef<OsStr>>(argv: &[T]) -> &[T] {
    let mut rest = argv;
    for _ in 0..MAX_NESTED {
        let [program, arguments @ ..] = rest else { break };
        let name = Path::new(program.as_ref()).file_name().and_then(OsStr::to_str).unwrap_or_default();
        let Some(wrapper) = WRAPPERS.iter().find(|it| it.names.contains(&name)) else { break };
        rest = wrapper.executed(arguments);
    }
    rest
}

impl InterpreterOptions {
    fn is(&self, name: &str) -> bool {
        let is_version = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
        self.names.iter().any(|known| name.strip_prefix(known).is_some_and(is_version))
    }

    /// Returns the script: the first word that is neither an option nor its value.
    fn script<'a>(&self, arguments: &'a [OsString]) -> Option<&'a OsString> {
        let mut rest = arguments.iter();
        while let Some(word) = rest.next() {
            match word.as_bytes() {
                _ if self.valued.iter().any(|option| word == option) => drop(rest.next()),
                [b'-' | b'+', ..] if self.is_inline(word) => return None,
                [b'-' | b'+', ..] => {}
                _ => return Some(word),
            }
        }
        None
    }

    fn is_inline(&self, option: &OsStr) -> bool {
        let bytes = option.as_bytes();
        let is_code = |letter: &u8| self.inline.as_bytes().contains(letter);
        match (bytes.strip_prefix(b"--"), self.anywhere) {
            (Some(long), _) => long.starts_with(b"eval") || long.starts_with(b"print"),
            (None, true) => bytes.iter().any(is_code),
            (None, false) => bytes.last().is_some_and(is_code),
        }
    }
}

impl Wrapper {
    /// Returns the arguments after options, variables, numbers and operands.
    fn executed<'a, T: AsRef<OsStr>>(&self, arguments: &'a [T]) -> &'a [T] {
        let mut operands = self.operands;
        let mut rest = arguments;
        while let [word, behind @ ..] = rest {
            let word = word.as_ref();
            rest = match word.as_bytes() {
                _ if self.valued.iter().any(|option| word == *option) => behind.get(1..).unwrap_or_default(),
                [b'-', ..] => behind,
                bytes if is_assignment(bytes) => behind,
                _ if operands > 0 => {
                    operands -= 1;
                    behind
                }
                bytes if bytes.iter().all(u8::is_ascii_digit) => behind,
                _ => break,
            };
        }
        rest
    }
}

/// `NAME=value`, whatever the value.
fn is_assignment(word: &[u8]) -> bool {
    let name = word.split(|byte| *byte == b'=').next().unwrap_or_default();
    name.len() < word.len() && !name.is_empty() && !name.contains(&b'/')
}

fn has_slash(word: &OsStr) -> bool {
    word.as_bytes().contains(&b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program_paths(line: &str) -> Vec<String> {
        let argv = line.split(' ').map(OsString::from).collect();
        programs(&Command::Argv(argv), Path::new("/srv")).iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn the_script_of_an_interpreter_is_what_it_is_given_to_run() {
        for line in [
            "sh /data/hook",
            "/bin/bash -e /data/hook now",
            "bash -o pipefail /data/hook",
            "python3.11 -u -W once /data/hook --port 80",
            "perl -w /data/hook -e",
            "node --require x /data/hook",
            "php -f /data/hook",
            "java -Xmx1g -jar /data/hook",
        ] {
            assert_eq!(program_paths(line), ["/data/hook"], "{line}");
        }
        assert_eq!(program_paths("sh hook"), ["/srv/hook"]);
        assert_eq!(
            program_paths("python3 manage.py /data/db"),
            ["/srv/manage.py"],
            "what the script is told is its own"
        );
        for line in
            ["sh -c /data/hook", "bash -ec x", "python3 -m http.server", "perl -ne print /data/x", "node -p 1", "sh"]
        {
            assert_eq!(program_paths(line), [""; 0], "{line}");
        }
    }

    #[test]
    fn what_a_wrapper_executes_is_followed() {
        for line in [
            "env /data/hook",
            "env -i A=/b B= /data/hook",
            "nice -n 5 /data/hook",
            "timeout -k 1 5 /data/hook",
            "gosu app /data/hook",
            "env timeout 5 sh /data/hook",
            "nohup bash -x /data/hook /data/more",
        ] {
            assert_eq!(program_paths(line), ["/data/hook"], "{line}");
        }
        assert_eq!(program_paths("env /data/env sh"), ["/data/env"]);
        assert_eq!(program_paths("nice -n 5 tar -xf /data/x.tar"), [""; 0], "what it reads is no program");
        assert_eq!(program_paths("redis-server /data/redis.conf"), [""; 0]);
    }
}
