//! The pages of the two files: each table and each key of the reference.

use clap_mangen::roff::{Roff, bold, roman};

use super::markup::{inline, literal, paragraphs, section, term};
use super::page::ManPage;
use crate::config::keys::{ConfigFile, KeyDoc, KeyStatus, reference};

/// What differs between the two pages.
struct Words {
    name: &'static str,
    summary: &'static str,
    place: &'static str,
    description: &'static str,
    example: &'static [&'static str],
}

const CONTAINER: Words = Words {
    name: "stepdown.toml",
    summary: "what a container does at its boot, besides starting services",
    place: "/etc/stepdown.toml",
    description: "A TOML file, and every key in it, is optional. It names the user that the container runs as, the paths that \
                  belong to that user, directories that are created, and how the container stops.",
    example: &["[[own]]", "path = \"/config\"", "create = true"],
};

const SERVICE: Words = Words {
    name: "stepdown-service",
    summary: "a service of a container",
    place: "/etc/services.d/NAME.toml or /etc/services.d/NAME/service.toml",
    description: "Each file describes one service. Its name is that of the file or of the directory. A directory with an \
                  executable `run` is a service, too, as under runit and s6.",
    example: &[
        "command = [\"nginx\", \"-g\", \"daemon off;\"]",
        "requires = [\"db\"]",
        "ready = { tcp = \"127.0.0.1:80\" }",
    ],
};

/// Returns the page of a file.
pub(super) fn of(file: ConfigFile) -> ManPage {
    let words = match file {
        ConfigFile::Container => CONTAINER,
        ConfigFile::Service => SERVICE,
    };
    let mut page = Roff::new();
    let source = concat!("stepdown ", env!("CARGO_PKG_VERSION"));
    page.control("TH", [words.name, "5", "", source, "stepdown"]);
    section(&mut page, "Name");
    page.text([roman(format!("{} - {}", words.name, words.summary))]);
    section(&mut page, "Synopsis");
    page.text([bold(words.place)]);
    section(&mut page, "Description");
    paragraphs(&mut page, words.description);
    paragraphs(&mut page, "Check it with `stepdown check`, which reports every mistake at once.");
    for table in reference().iter().filter(|table| table.file == file) {
        section(&mut page, if table.name.is_empty() { "Keys" } else { table.header });
        for key in table.keys {
            describe(&mut page, key);
        }
    }
    section(&mut page, "Example");
    for line in words.example {
        literal(&mut page, line);
    }
    section(&mut page, "See also");
    paragraphs(&mut page, "stepdown(1), stepdown-check(1), stepdown.toml(5), stepdown-service(5)");
    ManPage { name: words.name.to_owned(), section: 5, source: page.render() }
}

fn describe(page: &mut Roff, key: &KeyDoc) {
    match key.status {
        KeyStatus::Available => {
            term(page, key.name, &format!("{}; default: {}", key.expects, key.default));
            page.control("br", []);
            page.text(inline(key.meaning));
            for (at, line) in key.example.lines().enumerate() {
                page.control("br", []);
                page.text([roman(if at == 0 { "Example: " } else { "" }), bold(line)]);
            }
        }
        KeyStatus::Later(until_then) => term(page, key.name, &format!("{}; not there yet: {until_then}", key.meaning)),
    }
}
