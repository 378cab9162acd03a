//! Paths and commands as text. Nothing can move a cursor or forge a line: control characters
//! and bytes that are not UTF-8 are escaped. Must not know the plan.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::config::service::Service;
use crate::config::values::Gid;
use crate::text::shown;

/// Returns a path for printing.
pub fn path(path: &Path) -> String {
    shown(path)
}

/// Returns a command line for printing, as it would be typed.
pub fn command(argv: &[OsString]) -> String {
    argv.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// Returns the subject of a notice about a service. Those of an image made for s6-overlay share one: what is true of all is
/// said once.
pub(in crate::plan) fn subject(service: &Service) -> String {
    match service.s6 {
        Some(_) => "what was made for s6-overlay".to_owned(),
        None => format!("`{}`", service.name),
    }
}

fn quoted(word: &OsStr) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(byte);
    let text = shown(word);
    if !word.is_empty() && word.as_bytes().iter().all(plain) { text } else { format!("'{text}'") }
}

pub(in crate::plan) fn gids(gids: &[Gid]) -> String {
    gids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

pub(in crate::plan) fn stream(fd: i32) -> &'static str {
    match fd {
        0 => "stdin",
        1 => "stdout",
        _ => "stderr",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_printed_can_move_a_cursor_or_forge_a_line() {
        let evil = OsStr::from_bytes(b"/a\x1b[2J\nb\xff\xe2\x80\xaec\xc3\xa9");
        assert_eq!(path(Path::new(evil)), "/a\\u{1b}[2J\\nb\\xff\\u{202e}cé");
    }

    #[test]
    fn commands_read_as_typed() {
        assert_eq!(
            command(&["nginx".into(), "-g".into(), "daemon off;".into(), "".into()]),
            "nginx -g 'daemon off;' ''"
        );
    }
}
