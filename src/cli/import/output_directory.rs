//! `--to`: writes texts as new files below a directory. Must not know what they say.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use crate::error::{Error, Place, Problem, Problems, Refused};
use crate::import::TextFile;
use crate::text::shown;

/// Writes all of them, and returns a line for each. A file that exists is never replaced: then nothing is written.
pub(super) fn write(to: &Path, texts: &[TextFile]) -> Result<String, Error> {
    let mut problems = Problems::default();
    for path in texts.iter().map(|file| to.join(&file.path)).filter(|path| path.symlink_metadata().is_ok()) {
        problems.push(Problem::new(Place::file(path), "exists already", "move it away, or give another directory"));
    }
    problems.or(())?;
    let mut written = String::new();
    for TextFile { path, text } in texts {
        let path = to.join(path);
        let refused = |cause| Refused::new(format!("cannot write {}", shown(&path)), cause);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(refused)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(refused)?;
        file.write_all(text.as_bytes()).map_err(refused)?;
        written.push_str(&format!("{}\n", shown(&path)));
    }
    Ok(written)
}
