//! What an image made for s6-overlay 2 (and 1.14 and later) has and one for version 3 has not. At each start version 2 made root
//! the owner of the image's scripts and set their execute bits (`/etc/s6/init/init-stage2-fixattrs.txt`), so that such images
//! ship scripts without that bit. Here nothing in the image is changed, which also works with a read-only root and without
//! root: those scripts are run by the interpreters that they name, as the kernel would run them. Must not know how they are
//! executed.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::table::{self, ItemScope, Treatment};
use crate::config::s6_overlay::OverlayVersion;
use crate::config::{Content, S6Sources, Sources, Tree, shebang};
use crate::text::shown;

/// The end of a message about a program that is no script and has no execute bit.
pub const SETS_BIT: &str = "; s6-overlay 2 would set its execute bit";
/// More names than these are only counted.
const MOST_NAMES: usize = 5;

/// What only version 2 reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionTwoFiles {
    /// The variables of `/etc/s6/init/env`, which all services get, without `PATH`.
    pub variables: Vec<OsString>,
    /// The services of `/etc/s6/services`, which are started before `cont-init.d`, without its own.
    pub services: Vec<OsString>,
}

/// Returns the version that an image was made for.
pub fn version(sources: &S6Sources) -> OverlayVersion {
    if sources.version_two.is_some() { OverlayVersion::Two } else { OverlayVersion::Three }
}

/// Returns one notice with the scripts that are run by their interpreters; `None`: all have their execute bits.
pub fn notice(sources: &Sources) -> Option<String> {
    sources.s6.version_two.as_ref()?;
    let scripts = without_bit(sources);
    let more = scripts.len().saturating_sub(MOST_NAMES);
    let names: Vec<_> = scripts.iter().take(MOST_NAMES).map(shown).collect();
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    (!names.is_empty()).then(|| {
        format!(
            "made for s6-overlay 2, which would set the execute bits of its scripts: those without one are run by their \
             interpreters, and nothing in the image is changed ({}{more})",
            names.join(", ")
        )
    })
}

/// Returns notices about what has no effect here; `import` says the same.
pub fn ignored(files: &VersionTwoFiles) -> Vec<String> {
    let all = [(table::STAGE_ONE_SERVICES, &files.services), (table::STAGE_ONE_VARIABLES, &files.variables)];
    let notice = |(item, names): (&str, &Vec<OsString>)| {
        let row = table::rows(ItemScope::VersionTwo).find(|row| row.item == item)?;
        let Treatment::Ignored { reason } = row.treatment else { return None };
        let names: Vec<_> = names.iter().map(shown).collect();
        (!names.is_empty()).then(|| format!("`{item}` is ignored: {reason} ({})", names.join(", ")))
    };
    all.into_iter().filter_map(notice).collect()
}

/// Returns the scripts without an execute bit that version 2 would set.
fn without_bit(sources: &Sources) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut add = |path: PathBuf, content: &Content| match content {
        Content::File { bytes, executable: false } if shebang::argv(bytes).is_some() => found.push(path),
        Content::File { .. } | Content::Dir(_) | Content::TooLarge(_) | Content::Unreadable(_) | Content::Other(_) => {}
    };
    for Tree { path, entries, .. } in [&sources.s6.init_scripts, &sources.s6.finish_scripts] {
        entries.iter().for_each(|(name, content)| add(path.join(name), content));
    }
    for Tree { path, entries, .. } in &sources.trees {
        let directories = entries.iter().filter_map(|(name, content)| match content {
            Content::Dir(entries) if !entries.contains_key(OsStr::new("service.toml")) => {
                Some((path.join(name), entries))
            }
            Content::Dir(_) | Content::File { .. } | Content::TooLarge(_) | Content::Unreadable(_) => None,
            Content::Other(_) => None,
        });
        for (directory, entries) in directories {
            let log = match entries.get(OsStr::new("log")) {
                Some(Content::Dir(inner)) => Some((directory.join("log"), inner)),
                Some(_) | None => None,
            };
            for (directory, entries) in [(directory, entries)].into_iter().chain(log) {
                for name in ["run", "finish"] {
                    if let Some(content) = entries.get(OsStr::new(name)) {
                        add(directory.join(name), content);
                    }
                }
            }
        }
    }
    found
}
