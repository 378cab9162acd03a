//! The pages of the command and of its verbs: what clap knows about their arguments, and what their help says after that.

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::super::help;
use super::super::help_text::HelpText;
use super::markup::{paragraphs, section, term};
use super::page::ManPage;

/// Returns stepdown(1), which names all others.
pub(super) fn overview(command: &Command) -> ManPage {
    let mut more = Roff::new();
    section(&mut more, "Commands");
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        term(&mut more, &format!("stepdown {}", verb.get_name()), &about(verb));
    }
    section(&mut more, "Files");
    term(&mut more, "/etc/stepdown.toml", "The container file; see stepdown.toml(5).");
    term(&mut more, "/etc/services.d", "The services; see stepdown-service(5).");
    page("stepdown", command, &help::overview(), more)
}

/// Returns the page of a verb.
pub(super) fn of(verb: &Command) -> ManPage {
    let name = format!("stepdown-{}", verb.get_name());
    page(&name, verb, &help::of(verb.get_name()), Roff::new())
}

/// The sections in the order of man-pages(7).
fn page(name: &str, command: &Command, text: &HelpText, more: Roff) -> ManPage {
    let named = command.clone().bin_name(name.replacen('-', " ", 1)).disable_help_flag(true);
    let named = named.disable_version_flag(true).disable_help_subcommand(true);
    let man =
        Man::new(named).title(name).manual("stepdown").source(concat!("stepdown ", env!("CARGO_PKG_VERSION"))).date("");
    let mut source = Vec::new();
    // Writing to memory does not fail.
    let _ = man.render_title(&mut source);
    let mut summary = Roff::new();
    section(&mut summary, "Name");
    summary.text([roman(format!("{name} - {}", command.get_about().map(ToString::to_string).unwrap_or_default()))]);
    let _ = summary.to_writer(&mut source);
    let _ = man.render_synopsis_section(&mut source);
    let mut rest = Roff::new();
    section(&mut rest, "Description");
    paragraphs(&mut rest, &about(command));
    if !text.about.is_empty() {
        paragraphs(&mut rest, text.about);
    }
    let _ = rest.to_writer(&mut source);
    if command.get_arguments().next().is_some() {
        let _ = man.render_options_section(&mut source);
    }
    let _ = more.to_writer(&mut source);
    let mut tables = Roff::new();
    for (title, rows) in text.tables() {
        section(&mut tables, title);
        for (left, right) in rows {
            term(&mut tables, left, right);
        }
    }
    section(&mut tables, "See also");
    paragraphs(&mut tables, "stepdown(1), stepdown.toml(5), stepdown-service(5)");
    let _ = tables.to_writer(&mut source);
    ManPage { name: name.to_owned(), section: 1, source: String::from_utf8_lossy(&source).into_owned() }
}

/// One sentence.
fn about(command: &Command) -> String {
    let text = command.get_about().map(ToString::to_string).unwrap_or_default();
    if text.ends_with('.') { text } else { text + "." }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_a_text() {
        for verb in super::super::args::command().get_subcommands() {
            assert!(!help::of(verb.get_name()).to_string().is_empty(), "{}", verb.get_name());
        }
    }
}
