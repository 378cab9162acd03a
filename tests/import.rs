//! `import` as a library: sources of other supervisors in, the texts of our files out, and what the loader makes of these.

mod debian_supervisor;
mod entrypoint;
mod procfile;
mod round_trip;
mod runit;
mod s6;
mod scripts;
mod supervisord;

use std::ffi::OsString;
use std::path::PathBuf;

use stepdown::config::service::Service;
use stepdown::config::{Config, Content, Sources, Tree, read};
use stepdown::error::Place;
use stepdown::import::{Imported, TextFile};

/// What the loader makes of these files, in an image.
fn load(files: &[TextFile]) -> Config {
    let mut sources = Sources {
        trees: vec![Tree { path: PathBuf::from("/etc/services.d"), ..Tree::default() }],
        ..Sources::default()
    };
    for TextFile { path, text } in files {
        let file = Content::File { bytes: text.clone().into_bytes(), executable: false };
        let parts: Vec<OsString> = path.iter().map(OsString::from).collect();
        let entries = &mut sources.trees[0].entries;
        match parts.as_slice() {
            [name] if name == "stepdown.toml" => sources.container = Some((PathBuf::from("/etc/stepdown.toml"), file)),
            [tree, name] if tree == "services.d" => drop(entries.insert(name.clone(), file)),
            [tree, name, inner] if tree == "services.d" => {
                drop(entries.insert(name.clone(), Content::Dir([(inner.clone(), file)].into())));
            }
            right => panic!("{right:?} is no place for a file"),
        }
    }
    let texts = || files.iter().map(|file| format!("--- {:?}\n{}", file.path, file.text)).collect::<String>();
    read(&sources).unwrap_or_else(|problems| panic!("{problems}\n{}", texts()))
}

/// A service without its place, which differs between the files.
fn placeless(service: &Service) -> Service {
    Service { at: Place::Machine, ..service.clone() }
}

/// What is loaded is what was imported.
fn is_read_back(imported: &Imported) -> Config {
    let config = load(&imported.files());
    let mut meant: Vec<Service> = imported.services.iter().map(|imported| placeless(&imported.service)).collect();
    meant.sort_by(|left, right| left.name.cmp(&right.name));
    let got: Vec<Service> = config.services.iter().map(|service| placeless(service)).collect();
    assert_eq!(got, meant);
    config
}
