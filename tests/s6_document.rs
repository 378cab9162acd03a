//! `docs/s6-overlay.md` cannot drift: it is generated from the table that the loader uses.
//! `STEPDOWN_WRITE_README=1 cargo test --test all s6_document::` writes it again.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use stepdown::config::s6::table::{self, ItemScope, Treatment};

const BEGIN: &str = "\
# Images made for s6-overlay: what is honoured, ignored and refused

<!-- generated, see tests/s6_document.rs -->

The README says how such an image is recognised and run. This page lists every file of a service definition and every
variable that s6-overlay 3.2.3 has, and what stepdown does with it. It is generated from the table that the loader itself reads;
`stepdown check` prints the rows that concern one image.

- **honoured**: it has the effect that it has under s6-overlay.
- **differs**: it has its effect, but for what is said.
- **ignored**: it has no effect; a notice at the boot and in `check` says so, once for all services that have it.
- **refused**: the container does not start (exit 100), and the message says what to write.
";

const COMMANDS: &str = "
## Commands

The README lists the commands that stepdown provides by their names, and [s6-commands.md](s6-commands.md) what differs and what
is not provided. `stepdown install-links` creates `/command/NAME`, `/usr/bin/NAME` and `/package/admin/PACKAGE/command/NAME`
for each, `/init` and `/package/admin/s6-overlay/command/init`, and replaces what is s6's, execline's or s6-overlay's there.
";

/// The parts of the page: their scopes, and their headings.
const PARTS: [(ItemScope, &str, &str); 7] = [
    (ItemScope::Longrun, "Files of a longrun in `/etc/s6-overlay/s6-rc.d`", "file"),
    (ItemScope::Oneshot, "Files of a oneshot in `/etc/s6-overlay/s6-rc.d`", "file"),
    (ItemScope::Bundle, "Files of a bundle in `/etc/s6-overlay/s6-rc.d` and `user-bundles.d`", "file"),
    (ItemScope::Legacy, "Files of a service in `/etc/services.d` of such an image", "file"),
    (ItemScope::TreeLongrun, "Files of a longrun in s6's format in any other image", "file"),
    (ItemScope::TreeOneshot, "Files of a oneshot in s6's format in a services tree", "file"),
    (ItemScope::Variable, "Variables", "variable"),
];

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

fn treatment(treatment: Treatment) -> (&'static str, &'static str) {
    match treatment {
        Treatment::Honoured => ("honoured", ""),
        Treatment::Differs { difference } => ("differs", difference),
        Treatment::Ignored { reason } => ("ignored", reason),
        Treatment::Refused { write } => ("refused", write),
    }
}

fn part(scope: ItemScope, heading: &str, what: &str) -> String {
    let mut out = format!("\n## {heading}\n\n| {what} | effect | why, or what to write |\n|---|---|---|\n");
    for row in table::rows(scope) {
        let (effect, why) = treatment(row.treatment);
        writeln!(out, "| `{}` | {effect} | {} |", row.item, cell(why)).unwrap();
    }
    out
}

#[test]
fn it_is_what_the_loader_does() {
    let parts = PARTS.map(|(scope, heading, what)| part(scope, heading, what)).concat();
    let then = format!("{BEGIN}{parts}{COMMANDS}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/s6-overlay.md");
    if std::env::var_os("STEPDOWN_WRITE_README").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &then).unwrap();
    }
    let now = fs::read_to_string(&path).unwrap_or_default();
    assert!(now == then, "it is not up to date: STEPDOWN_WRITE_README=1 cargo test --test all s6_document::");
}

#[test]
fn it_has_every_row_and_the_readme_names_it() {
    let rows: usize = PARTS.iter().map(|(scope, ..)| table::rows(*scope).count()).sum();
    assert_eq!(rows, table::TABLE.len());
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    assert!(readme.contains("(docs/s6-overlay.md)"));
}
