//! The documentation cannot drift: the README, the book (`docs/src`) and the pages of `examples`. What is a table in the program is
//! generated from it, links lead somewhere, and the blocks are run as a reader would run them.

pub mod blocks;
mod checked;
mod dependencies;
mod generated;
mod journeys;
mod links;
mod messages;
mod output;
mod parts;
mod parts_s6;
mod session;
mod sessions;

use std::fs;
use std::path::{Path, PathBuf};

/// Where these pages are, below the top of the repository.
const PLACES: [&str; 3] = ["README.md", "docs/src", "examples"];

/// A page of the documentation.
pub struct Page {
    /// Relative to the top of the repository.
    pub name: String,
    pub text: String,
}

/// Returns the top of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns every page.
pub fn pages() -> Vec<Page> {
    let mut files: Vec<PathBuf> = PLACES.iter().flat_map(|place| markdown_files(&root().join(place))).collect();
    files.sort();
    let page = |path: PathBuf| Page {
        name: path.strip_prefix(root()).unwrap().display().to_string(),
        text: fs::read_to_string(&path).unwrap(),
    };
    files.into_iter().map(page).collect()
}

fn page(name: &str) -> Page {
    pages().into_iter().find(|page| page.name == name).unwrap_or_else(|| panic!("there is no page {name}"))
}

fn markdown_files(path: &Path) -> Vec<PathBuf> {
    if path.is_dir() {
        return fs::read_dir(path).unwrap().flat_map(|entry| markdown_files(&entry.unwrap().path())).collect();
    }
    path.extension().filter(|extension| *extension == "md").map(|_| path.to_owned()).into_iter().collect()
}

#[test]
fn the_readme_is_short() {
    let lines = page("README.md").text.lines().count();
    assert!(lines <= 150, "README.md has {lines} lines; what is longer than 150 belongs into the book (docs/src)");
}
