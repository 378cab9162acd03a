//! Every link of the documentation leads to a file and a heading that exist, and the summary of the book has every page.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::{pages, root};

/// What a page links to, and the anchors of its headings.
#[derive(Debug, Default)]
struct Outline {
    links: Vec<String>,
    anchors: BTreeSet<String>,
}

/// Returns the anchor that mdBook gives a heading.
fn anchor_of(heading: &str) -> String {
    let kept = heading.chars().filter_map(|letter| match letter {
        letter if letter.is_whitespace() => Some('-'),
        letter if letter.is_alphanumeric() || letter == '-' || letter == '_' => Some(letter.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

fn outline(text: &str) -> Outline {
    let mut outline = Outline::default();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                outline.links.push(dest_url.into_string());
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let anchor = anchor_of(&heading.take().unwrap_or_default());
                let mut unique = anchor.clone();
                for count in 1.. {
                    if outline.anchors.insert(unique) {
                        break;
                    }
                    unique = format!("{anchor}-{count}");
                }
            }
            Event::Text(part) | Event::Code(part) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&part);
                }
            }
            _ => {}
        }
    }
    outline
}

/// Returns the path without `.` and `..`, or nothing if it leaves the repository.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => out.push(name),
            Component::ParentDir => out.pop().then_some(())?,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(out)
}

/// Returns the file and the anchor to which a link of `page` leads; nothing for an address of the web.
fn target(page: &str, link: &str) -> Option<(Option<PathBuf>, String)> {
    if link.contains("://") {
        return None;
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let page = Path::new(page);
    let path = if file.is_empty() { page.to_owned() } else { page.parent().unwrap().join(file) };
    Some((normal(&path), anchor.to_owned()))
}

/// Returns what is wrong with the links of pages.
fn broken(pages: &BTreeMap<String, Outline>, exists: &dyn Fn(&Path) -> bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, outline) in pages {
        for link in &outline.links {
            let Some((path, anchor)) = target(name, link) else { continue };
            let Some(path) = path else {
                wrong.push(format!("{name}: `{link}` leaves the repository"));
                continue;
            };
            let is_outside_of_the_book = name.starts_with("docs/src/") && !path.starts_with("docs/src");
            if is_outside_of_the_book {
                wrong.push(format!("{name}: `{link}` leaves the book, where the built pages have no such file"));
            } else if !exists(&path) {
                wrong.push(format!("{name}: `{link}` leads to no file"));
            } else if !anchor.is_empty()
                && !pages.get(&path.display().to_string()).is_some_and(|page| page.anchors.contains(&anchor))
            {
                wrong.push(format!("{name}: `{link}` leads to no heading"));
            }
        }
    }
    wrong
}

fn outlines() -> BTreeMap<String, Outline> {
    pages().into_iter().map(|page| (page.name, outline(&page.text))).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let wrong = broken(&outlines(), &|path| root().join(path).exists());
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn the_summary_has_every_page_of_the_book_once() {
    const SUMMARY: &str = "docs/src/SUMMARY.md";
    let outlines = outlines();
    let listed =
        outlines[SUMMARY].links.iter().filter_map(|link| Some(target(SUMMARY, link)?.0?.display().to_string()));
    let mut listed: Vec<String> = listed.collect();
    listed.sort();
    let pages = outlines.into_keys().filter(|name| name.starts_with("docs/src/") && name != SUMMARY);
    assert_eq!(listed, pages.collect::<Vec<_>>());
}

#[test]
fn a_broken_link_is_found() {
    let text = "# A Heading: `code`\n\n[a](b.md#two) [b](b.md#one) [c](c.md) [d](#a-heading-code) [e](../../x.md) \
                [f](https://example.org/)\n";
    let pages = [("docs/src/a.md", text), ("docs/src/b.md", "# One\n"), ("README.md", "[x](docs/src/a.md)\n")];
    let outlines = pages.into_iter().map(|(name, text)| (name.to_owned(), outline(text))).collect();
    let wrong = broken(&outlines, &|path| pages.iter().any(|(name, _)| Path::new(name) == path));
    assert_eq!(
        wrong,
        [
            "docs/src/a.md: `b.md#two` leads to no heading",
            "docs/src/a.md: `c.md` leads to no file",
            "docs/src/a.md: `../../x.md` leaves the book, where the built pages have no such file",
        ]
    );
}
