//! The journeys of newcomers: the pages that they follow, and how long each is, counted from the blocks that `sessions.rs` runs. Must not
//! know what a page says.

use std::fmt::Write;

use super::blocks::{Use, blocks};
use super::page;

/// Who, the page, and what the last step shows.
const JOURNEYS: [(&str, &str, &str); 4] = [
    ("a self-hoster, who writes the first image", "README.md", "a web server whose files belong to PUID:PGID"),
    (
        "the maintainer of an image made for s6-overlay",
        "docs/src/how-to/from-s6-overlay.md",
        "the same tree runs, and its translation is printed",
    ),
    (
        "the maintainer of an image with supervisord",
        "docs/src/how-to/from-supervisord.md",
        "the translated programs run, none as root",
    ),
    (
        "a platform engineer, who reviews it for production",
        "docs/src/how-to/review.md",
        "what stays root, the restricted profile, probes, the end",
    ),
];

/// Returns the table.
pub fn table() -> String {
    let mut out = String::from("| who | page | files | commands | what the last one shows |\n|---|---|--:|--:|---|\n");
    for (who, name, shows) in JOURNEYS {
        let page = page(name);
        let blocks = blocks(&page);
        let files = blocks.iter().filter(|block| matches!(block.used, Some(Use::File(_)))).count();
        let commands: usize = blocks
            .iter()
            .filter(|block| matches!(block.used, Some(Use::Run(_))))
            .map(|block| block.text.lines().filter(|line| line.starts_with("$ ")).count())
            .sum();
        // A page outside the book is none of the built pages.
        let link = match name.strip_prefix("docs/src/") {
            Some(below) => {
                let title = page.text.lines().find_map(|line| line.strip_prefix("# ")).expect("a page has a title");
                format!("[{title}](../{below})")
            }
            None => format!("`{name}`"),
        };
        writeln!(out, "| {who} | {link} | {files} | {commands} | {shows} |").unwrap();
    }
    out
}
