//! Contents of a path → text that a format can be parsed from, or a problem. Must not know formats.

use super::file_report::{FileReport, Lines};
use super::{Content, MAX_FILE};
use crate::error::ProblemFix;

const NOT_A_FILE: &str = "put a regular file there, or remove it";

/// Returns the text of a file, or reports what is wrong with it.
pub fn text<'c>(content: &'c Content, report: &mut FileReport<'_>) -> Option<&'c str> {
    let bytes = file(content, report)?;
    if bytes.starts_with(b"\xef\xbb\xbf") {
        report.line(1, "begins with a byte order mark", "save it as UTF-8 without one");
        return None;
    }
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).and_then(|good| str::from_utf8(good).ok()).unwrap_or_default();
            let byte = bytes.get(good.len()).copied().unwrap_or_default();
            let line = Lines::of(good).at(good.len());
            report.line(line, format!("is not UTF-8 text (byte 0x{byte:02x})"), "save it as UTF-8");
            return None;
        }
    };
    if let Some(at) = text.find('\0') {
        report.line(Lines::of(text).at(at), "contains a NUL byte", "save it as plain text");
        return None;
    }
    Some(text)
}

/// Returns the bytes of a file, or reports why there are none.
fn file<'c>(content: &'c Content, report: &mut FileReport<'_>) -> Option<&'c [u8]> {
    let too_large = |size: u64| (format!("is {size} bytes long"), format!("keep it within {MAX_FILE} bytes").into());
    let (what, fix): (String, ProblemFix) = match content {
        Content::File { bytes, .. } if bytes.len() <= MAX_FILE => return Some(bytes),
        Content::File { bytes, .. } => too_large(u64::try_from(bytes.len()).unwrap_or(u64::MAX)),
        Content::TooLarge(size) => too_large(*size),
        Content::Dir(_) => ("is a directory".to_owned(), NOT_A_FILE.into()),
        Content::Other(kind) => (format!("is not a regular file ({kind})"), NOT_A_FILE.into()),
        Content::Unreadable(why) => (format!("cannot read it: {why}"), ProblemFix::MakeReadable),
    };
    report.whole(what, fix);
    None
}
