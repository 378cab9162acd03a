//! Reads the container's time zone, as its C library would by TZ (tzset(3)).

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use crate::config::zone::Zone;

/// The zone files, if this image has them.
const ZONES: &str = "/usr/share/zoneinfo";
/// The zone file if TZ is not set.
const LOCAL_ZONE: &str = "/etc/localtime";
/// No zone file is larger.
const MAX_SIZE: u64 = 256 * 1024;

/// Returns the zone of TZ; UTC if it is unknown.
pub fn read(tz: Option<&OsStr>) -> Zone {
    find(tz, Path::new(ZONES), Path::new(LOCAL_ZONE)).unwrap_or_default()
}

fn find(tz: Option<&OsStr>, zones: &Path, local: &Path) -> Option<Zone> {
    let Some(tz) = tz else { return file(local) };
    let text = tz.to_str()?;
    let text = text.strip_prefix(':').unwrap_or(text);
    let name = Path::new(text);
    let inside = name.components().all(|part| matches!(part, Component::Normal(_)));
    let path: Option<PathBuf> = match name.is_absolute() {
        true => Some(name.to_owned()),
        false => (inside && !text.is_empty()).then(|| zones.join(name)),
    };
    path.and_then(|path| file(&path)).or_else(|| Zone::of_rule(text))
}

fn file(path: &Path) -> Option<Zone> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_SIZE).read_to_end(&mut bytes).ok()?;
    Zone::parse(&bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// One table without changes, two hours east.
    fn two_hours() -> Vec<u8> {
        let counts = [0_u32, 0, 0, 0, 1, 4].map(u32::to_be_bytes).concat();
        [b"TZif".as_slice(), &[0; 16], &counts, &7_200_i32.to_be_bytes(), b"\0\0EET\0"].concat()
    }

    #[test]
    fn a_zone_is_found_by_its_name_its_path_or_its_rule() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("Europe")).unwrap();
        let path = dir.path().join("Europe/Kyiv");
        fs::write(&path, two_hours()).unwrap();
        let offset = |tz: Option<&str>| {
            let zone = find(tz.map(OsStr::new), dir.path(), &path);
            zone.map(|zone| zone.offset(0))
        };
        assert_eq!(offset(None), Some(7_200), "the image's own");
        assert_eq!(offset(Some("Europe/Kyiv")), Some(7_200));
        assert_eq!(offset(Some(":Europe/Kyiv")), Some(7_200));
        assert_eq!(offset(path.to_str()), Some(7_200));
        assert_eq!(offset(Some("CET-1")), Some(3_600));
        for none in ["", "Europe", "Europe/Nowhere", "../Europe/Kyiv"] {
            assert_eq!(offset(Some(none)), None, "{none}");
        }
    }
}
