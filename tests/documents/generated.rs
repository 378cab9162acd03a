//! The parts of pages that are generated: between `<!-- generated: NAME … -->` and `<!-- end -->`.
//! `STEPDOWN_WRITE_DOCS=1 cargo nextest run --test all documents::generated` writes all of them again. Must not know what a part
//! says.

use std::fs;

use super::{pages, parts, root};

const BEGIN: &str = "<!-- generated: ";
const END: &str = "<!-- end -->";
const HINT: &str = "; tests/documents writes it";

/// Returns the text with each part as `body` has it, and the names of the parts.
fn regenerated(text: &str, body: &dyn Fn(&str) -> Option<String>) -> (String, Vec<String>) {
    let (mut out, mut names, mut rest) = (String::new(), Vec::new(), text);
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let (marker, after) = after.split_once(" -->\n").expect("a marker is one line");
        let (_, after) = after.split_once(END).unwrap_or_else(|| panic!("`{marker}` has no {END}"));
        let name = marker.strip_suffix(HINT).unwrap_or(marker);
        let body = body(name).unwrap_or_else(|| panic!("nothing generates a part `{name}`"));
        out += &format!("{before}{BEGIN}{name}{HINT} -->\n\n{}\n\n{END}", body.trim_matches('\n'));
        names.push(name.to_owned());
        rest = after;
    }
    (out + rest, names)
}

/// Returns the text with lines of nothing in the place of the parts, so that other lines keep their numbers.
pub fn without_parts(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let (part, after) = after.split_once(END).unwrap_or((after, ""));
        out += before;
        out += &"\n".repeat(part.matches('\n').count());
        rest = after;
    }
    out + rest
}

#[test]
fn each_part_is_what_the_program_has() {
    let mut stale = Vec::new();
    let mut names = Vec::new();
    for page in pages() {
        let (now, found) = regenerated(&page.text, &parts::body);
        names.extend(found);
        if now != page.text {
            if std::env::var_os("STEPDOWN_WRITE_DOCS").is_some() {
                fs::write(root().join(&page.name), now).unwrap();
            }
            stale.push(page.name);
        }
    }
    assert!(
        stale.is_empty(),
        "not up to date: {stale:?}; STEPDOWN_WRITE_DOCS=1 cargo nextest run --test all documents::generated"
    );
    names.sort();
    let all: Vec<String> = parts::names().map(str::to_owned).collect();
    assert_eq!(names, all, "each part is on one page");
}

#[test]
fn a_part_is_replaced_and_what_is_around_it_stays() {
    let text = "one\n<!-- generated: x -->\nold\n<!-- end -->\ntwo\n";
    let (now, names) = regenerated(text, &|name| Some(format!("new {name}")));
    assert_eq!(now, "one\n<!-- generated: x; tests/documents writes it -->\n\nnew x\n\n<!-- end -->\ntwo\n");
    assert_eq!((names, regenerated(&now, &|_| Some("new x".to_owned())).0), (vec!["x".to_owned()], now));
}
