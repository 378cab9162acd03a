//! The `up` file of an s6-rc oneshot: a line of execline. The few forms that need no execline are understood; 139 of 167
//! in the field are one absolute path, 23 are empty (FIELD §2.0). Text in, command out.

use std::ffi::OsString;

use super::service::Command;

/// What the text of an `up` or `down` file amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Empty or comments only: success.
    Nothing,
    /// A program and its arguments.
    Run(Command),
    /// It needs execline.
    Execline,
}

/// Returns the command that does nothing, successfully: `:` is a builtin of every shell.
pub fn nothing() -> Command {
    Command::Script(":".to_owned())
}

/// Reads the text of an `up` file.
pub fn line(text: &str) -> Line {
    let code = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    // To execline a line's end is a blank like any other.
    let words: Vec<&str> = code.flat_map(str::split_whitespace).collect();
    let words = match words.split_first() {
        None => return Line::Nothing,
        // `exec` executes the rest, which is what happens anyway.
        Some((&"exec", rest)) => rest,
        Some(_) => &words,
    };
    let plain = words.iter().all(|word| word.bytes().all(is_plain));
    match words.first() {
        Some(program) if plain && program.starts_with('/') => {
            Line::Run(Command::Argv(words.iter().map(OsString::from).collect()))
        }
        Some(_) | None => Line::Execline,
    }
}

/// Whether execline reads this byte as itself: no quote, block, comment, substitution or escape.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/._-+=:,@%".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(words: &[&str]) -> Line {
        Line::Run(Command::Argv(words.iter().map(OsString::from).collect()))
    }

    #[test]
    fn one_path_is_run() {
        assert_eq!(line("/etc/s6-overlay/s6-rc.d/init/run\n"), argv(&["/etc/s6-overlay/s6-rc.d/init/run"]));
        assert_eq!(line("# comment\n\n  /bin/true  -x\n"), argv(&["/bin/true", "-x"]));
        assert_eq!(line("exec /bin/true"), argv(&["/bin/true"]));
    }

    #[test]
    fn nothing_is_success() {
        for text in ["", "\n", "# only\n  # comments"] {
            assert_eq!(line(text), Line::Nothing, "{text:?}");
        }
    }

    #[test]
    fn a_script_that_needs_execline_is_reported() {
        for text in
            ["echo hi", "/bin/echo \"hi\"", "if { true } /bin/x", "/bin/x $HOME", "foreground", "exec", "/bin/x # y"]
        {
            assert_eq!(line(text), Line::Execline, "{text:?}");
        }
    }
}
