//! Paragraphs, lists and literals in roff. Must not know what is written.

use clap_mangen::roff::{Inline, Roff, bold, roman};

/// Returns a text in which what stands between backticks is bold.
pub(super) fn inline(text: &str) -> Vec<Inline> {
    let parts = text.split('`').enumerate().filter(|(_, part)| !part.is_empty());
    parts.map(|(at, part)| if at % 2 == 1 { bold(part) } else { roman(part) }).collect()
}

/// Adds a section.
pub(super) fn section(page: &mut Roff, title: &str) {
    page.control("SH", [title.to_uppercase().as_str()]);
}

/// Adds paragraphs, which empty lines part; an indented line is one that can be pasted.
pub(super) fn paragraphs(page: &mut Roff, text: &str) {
    for paragraph in text.split("\n\n") {
        page.control("PP", []);
        for line in paragraph.lines() {
            match line.strip_prefix("  ") {
                Some(line) => literal(page, line),
                None => {
                    page.text(inline(line));
                }
            }
        }
    }
}

/// Adds a line that can be pasted.
pub(super) fn literal(page: &mut Roff, line: &str) {
    page.control("RS", ["4"]);
    page.control("nf", []);
    page.text([bold(line)]);
    page.control("fi", []);
    page.control("RE", []);
}

/// Adds a term and what it means.
pub(super) fn term(page: &mut Roff, term: &str, meaning: &str) {
    page.control("TP", []);
    page.text([bold(term)]);
    page.text(inline(meaning));
}
