//! The blocks of code in pages, and what the comment above each says is done with it. Must not do it.
//!
//! | comment | the block is |
//! |---|---|
//! | `file: PATH` | a file of the page's directory, executable if it begins with `#!` |
//! | `run` | commands (lines that begin with `$ `), each followed by what it prints (see `output.rs`) |
//! | `run: exit N` | the same; the last command ends with this code |
//! | `run: eventually` | the same; each command is repeated until it prints what the page says |
//! | `run: Ctrl-C` | one command, which gets INT when it has printed what the page says |
//! | `check: PATH, with A, B` | a file that `stepdown check` accepts, alone or with services of these names |
//! | `pod: IMAGE` | a manifest that Podman plays (`tests/podman/documents.rs`) |
//! | `stack: IMAGE` | a stack that a swarm runs (`tests/daemons/documents.rs`) |
//! | `shown: REASON` | not run; REASON is a key of `NOT_RUN` |
//!
//! On the first line of a page, `replace: WORD, …` names words that are unique to a run: names of images and containers, ports.

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

use super::{Page, generated, pages};

/// Why a block is not run.
pub const NOT_RUN: &[(&str, &str)] = &[
    ("compile", "it compiles in an image of a registry; all Docker tests use this Dockerfile with a finished binary"),
    (
        "lines of a Dockerfile",
        "the lines belong into the reader's own Dockerfile; other pages build whole ones with them",
    ),
    ("lines of openshift", "the same; tests/docker/environments.rs runs its image as OpenShift does"),
    ("quadlet", "Podman 4.3 has no quadlets; tests/podman runs the options of this one"),
    ("rootless podman", "a test has a user of its own for rootless containers; tests/podman/cases.rs starts both"),
];

/// What is done with a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Use {
    File(String),
    Run(Mode),
    Check { path: String, with: Vec<String> },
    Pod(String),
    Stack(String),
    Shown(String),
}

/// How the commands of a block end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// By themselves, with this code.
    Exit(i32),
    /// As before with 0, repeated until they print what is expected.
    Eventually,
    /// By INT.
    Interrupted,
}

/// A block of code.
#[derive(Clone, Debug)]
pub struct Block {
    /// `PAGE:LINE`
    pub place: String,
    pub text: String,
    /// Nothing, if no comment says it.
    pub used: Option<Use>,
}

fn used(comment: &str) -> Option<Use> {
    let comment = comment.trim().strip_prefix("<!--")?.strip_suffix("-->")?.trim();
    let (kind, rest) = comment.split_once(": ").unwrap_or((comment, ""));
    Some(match (kind, rest) {
        ("file", path) => Use::File(path.to_owned()),
        ("run", "") => Use::Run(Mode::Exit(0)),
        ("run", "eventually") => Use::Run(Mode::Eventually),
        ("run", "Ctrl-C") => Use::Run(Mode::Interrupted),
        ("run", code) => Use::Run(Mode::Exit(code.strip_prefix("exit ")?.parse().ok()?)),
        ("check", rest) => {
            let (path, with) = rest.split_once(", with ").unwrap_or((rest, ""));
            let with = with.split(", ").filter(|name| !name.is_empty()).map(str::to_owned).collect();
            Use::Check { path: path.to_owned(), with }
        }
        ("pod", image) => Use::Pod(image.to_owned()),
        ("stack", image) => Use::Stack(image.to_owned()),
        ("shown", reason) => Use::Shown(reason.to_owned()),
        _ => return None,
    })
}

/// Returns the blocks of a page that are not generated.
pub fn blocks(page: &Page) -> Vec<Block> {
    let text = generated::without_parts(&page.text);
    let mut blocks: Vec<Block> = Vec::new();
    let (mut comment, mut inside) = (None, false);
    for (event, range) in Parser::new(&text).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let line = text[..range.start].matches('\n').count() + 1;
                assert!(
                    matches!(kind, CodeBlockKind::Fenced(_)),
                    "{}:{line}: a block of code stands between ```",
                    page.name
                );
                let place = format!("{}:{line}", page.name);
                blocks.push(Block { place, text: String::new(), used: comment.take() });
                inside = true;
            }
            Event::End(TagEnd::CodeBlock) => inside = false,
            Event::Text(part) if inside => blocks.last_mut().expect("it began").text.push_str(&part),
            Event::Html(html) => comment = used(&html),
            Event::Start(Tag::HtmlBlock) | Event::End(TagEnd::HtmlBlock) => {}
            _ => comment = None,
        }
    }
    blocks
}

/// Returns the words of a page that are unique to a run.
pub fn replaced_words(page: &Page) -> Vec<String> {
    let first = page.text.lines().next().unwrap_or_default();
    let list = first.strip_prefix("<!-- replace: ").and_then(|rest| rest.strip_suffix(" -->"));
    list.map(|list| list.split(", ").map(str::to_owned).collect()).unwrap_or_default()
}

fn page_of(text: &str) -> Page {
    Page { name: "a.md".to_owned(), text: text.to_owned() }
}

#[test]
fn every_block_says_what_is_done_with_it() {
    let all: Vec<_> = pages().iter().flat_map(blocks).collect();
    let without: Vec<_> = all.iter().filter(|block| block.used.is_none()).map(|block| &block.place).collect();
    assert!(without.is_empty(), "no comment says what is done with the blocks {without:#?}");
    let reasons: Vec<&str> = all
        .iter()
        .filter_map(|block| match &block.used {
            Some(Use::Shown(reason)) => Some(reason.as_str()),
            _ => None,
        })
        .collect();
    for reason in &reasons {
        assert!(NOT_RUN.iter().any(|(key, _)| key == reason), "no reason `{reason}`");
    }
    for (key, _) in NOT_RUN {
        assert!(reasons.contains(key), "nothing is not run because of `{key}`");
    }
}

#[test]
fn a_comment_belongs_to_the_block_below_it_alone() {
    let text = "<!-- replace: one, 8080 -->\n\n<!-- file: a/b -->\n```sh\necho\n```\n\n<!-- run -->\n\ntext\n\n```\n\
                $ x\n```\n\n<!-- check: stepdown.toml, with a, b -->\n\n```toml\nx\n```\n\
                <!-- generated: x -->\n```\ny\n```\n<!-- end -->\n";
    let page = page_of(text);
    let found: Vec<_> = blocks(&page).into_iter().map(|block| (block.place, block.text, block.used)).collect();
    let check = Use::Check { path: "stepdown.toml".to_owned(), with: vec!["a".to_owned(), "b".to_owned()] };
    let expected = [
        ("a.md:4", "echo\n", Some(Use::File("a/b".to_owned()))),
        ("a.md:12", "$ x\n", None),
        ("a.md:18", "x\n", Some(check)),
    ];
    assert_eq!(found, expected.map(|(place, text, used)| (place.to_owned(), text.to_owned(), used)));
    assert_eq!(replaced_words(&page), ["one", "8080"]);
}

#[test]
fn modes_of_commands_are_read() {
    let of = |text: &str| used(&format!("<!-- {text} -->\n"));
    assert_eq!(of("run: exit 100"), Some(Use::Run(Mode::Exit(100))));
    assert_eq!(of("run: eventually"), Some(Use::Run(Mode::Eventually)));
    assert_eq!(of("run: sometimes"), None);
}
