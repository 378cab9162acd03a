//! The commands of s6 and execline: compared with Debian's originals, argument by argument and script by script.

mod lexer;

use std::path::{Path, PathBuf};

use crate::support::skip::skipped;

/// Returns the path of an original program of Debian's packages `execline` and `s6`; says that the test is skipped if there
/// is none.
fn original(name: &str) -> Option<PathBuf> {
    let places = ["/usr/lib/execline/bin", "/usr/bin"];
    let found = places.iter().map(|place| Path::new(place).join(name)).find(|path| path.exists());
    if found.is_none() {
        skipped(&format!("there is no {name} of Debian's packages: install execline and s6"));
    }
    found
}
