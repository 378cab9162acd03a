//! The `up` file of an s6-rc oneshot: a line of execline. Only forms that need no execline are supported; 139 of
//! 167 in the field are one absolute path, 23 are empty (FIELD §2.0). Text in, command out.

use std::ffi::OsString;

use crate::config::service::Command;

/// The meaning of an `up` or `down` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpLine {
    /// Empty or comments only: success.
    Nothing,
    /// A program and its arguments.
    Run(Command),
    /// It needs execline.
    Execline,
}

/// Reads the text of an `up` file.
pub fn line(text: &str) -> UpLine {
    let code = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    // For execline a line end is white space.
    let words: Vec<&str> = code.flat_map(str::split_whitespace).collect();
    let words = match words.split_first() {
        None => return UpLine::Nothing,
        // `exec` executes the rest, as we do.
        Some((&"exec", rest)) => rest,
        Some(_) => &words,
    };
    let plain = words.iter().all(|word| word.bytes().all(is_plain));
    match words.first() {
        Some(program) if plain && program.starts_with('/') => {
            UpLine::Run(Command::Argv(words.iter().map(OsString::from).collect()))
        }
        Some(_) | None => UpLine::Execline,
    }
}

/// Whether this byte has no special meaning in execline: no quote, block, comment, substitution or escape.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/._-+=:,@%".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(words: &[&str]) -> UpLine {
        UpLine::Run(Command::Argv(words.iter().map(OsString::from).collect()))
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
            assert_eq!(line(text), UpLine::Nothing, "{text:?}");
        }
    }

    #[test]
    fn a_script_that_needs_execline_is_reported() {
        for text in
            ["echo hi", "/bin/echo \"hi\"", "if { true } /bin/x", "/bin/x $HOME", "foreground", "exec", "/bin/x # y"]
        {
            assert_eq!(line(text), UpLine::Execline, "{text:?}");
        }
    }
}
