//! Whether `TZ` names a zone: an unknown one silently becomes UTC (tzset(3)).

use std::ffi::{OsStr, OsString};
use std::path::{Component, Path};

/// The zone files, if this image has them.
const ZONES: &str = "/usr/share/zoneinfo";

/// Returns the value of `TZ` if it is not a zone; `None` also if it is unset or empty, or this image has no zoneinfo.
pub(super) fn unknown(tz: Option<&OsStr>) -> Option<OsString> {
    tz.filter(|tz| known(tz, Path::new(ZONES)) == Some(false)).map(OsStr::to_owned)
}

fn known(tz: &OsStr, zones: &Path) -> Option<bool> {
    let Some(text) = tz.to_str() else { return zones.is_dir().then_some(false) };
    let text = text.strip_prefix(':').unwrap_or(text);
    if text.is_empty() {
        return None;
    }
    if is_rule(text) {
        return Some(true);
    }
    let name = Path::new(text);
    if name.is_absolute() {
        return Some(name.is_file());
    }
    if !zones.is_dir() {
        return None;
    }
    Some(name.components().all(|part| matches!(part, Component::Normal(_))) && zones.join(name).is_file())
}

/// Returns whether it is a rule rather than a name, such as `CET-1CEST,M3.5.0,M10.5.0/3` or `<+03>-3` (tzset(3)): three
/// letters or more, or something in angle brackets, and then an offset.
fn is_rule(text: &str) -> bool {
    let after = match text.strip_prefix('<') {
        Some(rest) => rest.split_once('>').map(|(_, after)| after),
        None => {
            let letters = text.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
            (text.len() - letters.len() >= 3).then_some(letters)
        }
    };
    let offset = after.map(|after| after.strip_prefix(['+', '-']).unwrap_or(after));
    offset.is_some_and(|offset| offset.starts_with(|digit: char| digit.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_zone_is_known_by_its_file_or_as_a_rule() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("Europe")).unwrap();
        fs::write(dir.path().join("Europe/Berlin"), "TZif").unwrap();
        let is_known = |tz: &str| known(OsStr::new(tz), dir.path());
        assert_eq!(is_known("Europe/Berlin"), Some(true));
        assert_eq!(is_known(":Europe/Berlin"), Some(true));
        assert_eq!(is_known("Europe/Berlinn"), Some(false));
        assert_eq!(is_known("Europe"), Some(false));
        assert_eq!(is_known("../etc/passwd"), Some(false));
        assert_eq!(is_known("CET-1CEST,M3.5.0,M10.5.0/3"), Some(true));
        assert_eq!(is_known("<+03>-3"), Some(true));
        assert_eq!(is_known(""), None);
        assert_eq!(known(OsStr::new("Europe/Berlin"), &dir.path().join("none")), None);
    }
}
