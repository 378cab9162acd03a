//! `man`: the man pages, from the definitions of the verbs and the reference of the keys, so that the binary alone brings
//! its manual. Must not know what a verb or a key means.

mod file_page;
mod markup;
mod page;
mod verb_page;

use std::fs;
use std::io;
use std::path::Path;

use super::args;
use super::document_args::ManArgs;
use super::output;
use crate::config::keys::ConfigFile;
use crate::error::{EXIT_REFUSED, EXIT_WRONG};
use crate::text::shown;
use page::ManPage;

/// Returns every page.
fn pages() -> Vec<ManPage> {
    let command = args::command();
    let mut pages = vec![verb_page::overview(&command)];
    pages.extend(command.get_subcommands().filter(|verb| !verb.is_hide_set()).map(verb_page::of));
    pages.extend([ConfigFile::Container, ConfigFile::Service].map(file_page::of));
    pages
}

/// Prints a page, or writes all.
pub(super) fn run(args: &ManArgs) -> u8 {
    let pages = pages();
    if let Some(directory) = &args.to {
        return match pages.iter().try_for_each(|page| write(directory, page)) {
            Ok(()) => 0,
            Err(why) => {
                output::err(&format!("stepdown: cannot write the pages below {}: {why}\n", shown(directory)));
                EXIT_REFUSED
            }
        };
    }
    let wanted = args.page.as_deref().unwrap_or("stepdown");
    match pages.iter().find(|page| page.name == wanted || page.name.strip_prefix("stepdown-") == Some(wanted)) {
        Some(page) => {
            output::out(&page.source);
            0
        }
        None => {
            let names: Vec<&str> = pages.iter().map(|page| page.name.as_str()).collect();
            output::err(&format!("stepdown: there is no page {}; there are {}\n", shown(wanted), names.join(", ")));
            EXIT_WRONG
        }
    }
}

/// Writes a page where man(1) looks for it below `directory`: `man1/stepdown.1`.
fn write(directory: &Path, page: &ManPage) -> io::Result<()> {
    let directory = directory.join(format!("man{}", page.section));
    fs::create_dir_all(&directory)?;
    fs::write(directory.join(format!("{}.{}", page.name, page.section)), &page.source)
}
