//! Files that have no effect, and what happens instead: said once, however many services have them. Must not know formats.

use std::collections::BTreeMap;

use crate::config::draft::{Draft, Ignored};
use crate::config::suggest;

/// Returns one notice for each such file and reason, with the services that have it.
pub fn notices(drafts: &[Draft]) -> Vec<String> {
    let mut all: BTreeMap<Ignored, Vec<&str>> = BTreeMap::new();
    for draft in drafts {
        for ignored in &draft.ignored {
            all.entry(*ignored).or_default().push(draft.service.name.as_str());
        }
    }
    let line = |(Ignored { file, instead }, names): (&Ignored, &Vec<&str>)| {
        format!("`{file}` is ignored: {instead} ({})", suggest::list(names.iter().copied()))
    };
    all.iter().map(line).collect()
}
