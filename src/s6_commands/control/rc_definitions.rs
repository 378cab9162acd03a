//! What definitions of s6-rc say about names: the members of a bundle, and what a service needs. PID 1 has no bundles. Must
//! not know what is done with it.

use std::fs;
use std::path::Path;

/// Where definitions are.
const DEFINITIONS: [&str; 2] = ["/etc/s6-overlay/s6-rc.d", "/etc/s6-overlay/user-bundles.d"];

/// Returns the members of a bundle; `None` if there is none of that name. The services of a pipeline are one too, if its last
/// one has a `pipeline-name`.
pub(super) fn contents(bundle: &str) -> Option<Vec<String>> {
    let found: Vec<_> =
        DEFINITIONS.iter().filter_map(|place| names(&Path::new(place).join(bundle), "contents")).collect();
    if found.is_empty() { pipeline(bundle) } else { Some(found.concat()) }
}

/// Returns the services of a pipeline, from the last one on.
fn pipeline(name: &str) -> Option<Vec<String>> {
    let is_last = |place: &Path| lines(&place.join("pipeline-name")).is_some_and(|lines| lines == [name]);
    let definitions = DEFINITIONS.iter().filter_map(|place| fs::read_dir(place).ok()).flatten().flatten();
    let last = definitions.map(|entry| entry.path()).find(|place| is_last(place))?;
    let mut found = vec![last.file_name()?.to_string_lossy().into_owned()];
    let mut at = 0;
    while let Some(consumer) = found.get(at) {
        let producers =
            DEFINITIONS.iter().filter_map(|place| lines(&Path::new(place).join(consumer).join("consumer-for")));
        let new: Vec<_> = producers.flatten().filter(|producer| !found.contains(producer)).collect();
        found.extend(new);
        at += 1;
    }
    Some(found)
}

/// Returns what a service needs: its dependencies, and the logger that it writes to.
pub(super) fn requirements(service: &str) -> Vec<String> {
    let places = DEFINITIONS.iter().map(|place| Path::new(place).join(service));
    let needed = |place: &Path| [names(place, "dependencies"), lines(&place.join("producer-for"))];
    places.flat_map(|place| needed(&place)).flatten().flatten().collect()
}

/// Returns the names in a directory `NAME.d`, or else in the lines of a file `NAME`.
fn names(definition: &Path, name: &str) -> Option<Vec<String>> {
    match fs::read_dir(definition.join(format!("{name}.d"))) {
        Ok(entries) => Some(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()),
        Err(_) => lines(&definition.join(name)),
    }
}

fn lines(file: &Path) -> Option<Vec<String>> {
    let text = fs::read_to_string(file).ok()?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Some(lines.map(str::to_owned).collect())
}
