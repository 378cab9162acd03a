//! `install-links`: creates the links by which the helper commands are called, and says what it replaced.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::args::InstallLinksArgs;
use super::output::Printed;
use crate::config::s6;
use crate::error::{Error, Place, Problem, Refused};
use crate::s6_commands::links::{self, Existing, Link, LinkTarget};
use crate::text::shown;

/// A name that scripts call is another program's.
const EXIT_KEPT: u8 = 1;
/// Where the program may be in an image that it is not started in.
const USUAL: [&str; 4] = ["/usr/bin/stepdown", "/usr/local/bin/stepdown", "/bin/stepdown", "/sbin/stepdown"];

/// Creates the links.
pub(super) fn run(args: &InstallLinksArgs) -> Result<Printed, Error> {
    let prefix = args.prefix.as_deref().unwrap_or(Path::new("/"));
    let program = program_in(prefix)?;
    let made = links::install(&LinkTarget { prefix, program: &program, forces: args.force }).map_err(Error::Refused)?;
    Ok(Printed { text: summary(&made, &program), code: if is_complete(&made) { 0 } else { EXIT_KEPT } })
}

/// Returns the program's path in the image.
fn program_in(prefix: &Path) -> Result<PathBuf, Error> {
    let own =
        std::env::current_exe().map_err(|cause| Error::Refused(Refused::new("cannot find this program", cause)))?;
    if prefix == Path::new("/") {
        return Ok(own);
    }
    let usual = USUAL.iter().map(PathBuf::from);
    let is_there = |path: &PathBuf| prefix.join(path.strip_prefix("/").unwrap_or(path)).is_file();
    [own].into_iter().chain(usual).find(is_there).ok_or_else(|| {
        let at = Place::Argument(format!("--prefix {}", shown(prefix)));
        let problem = match prefix.is_dir() {
            true => Problem::new(at, "there is no stepdown in this image", format!("copy it to {} first", USUAL[0])),
            false => Problem::new(at, "there is no such directory", "give the root of an image"),
        };
        Error::Wrong(problem.into())
    })
}

fn is_complete(made: &[Link]) -> bool {
    !made.iter().any(|link| !link.is_made && is_wanted(link))
}

/// LinuxServer's scripts call the command in `/command`, and execline's words have other meanings in `/usr/bin`.
fn is_wanted(link: &Link) -> bool {
    match link.found {
        Existing::LinuxServer => false,
        Existing::Other | Existing::Directory | Existing::Link(_) => {
            !link.path.starts_with("/usr/bin")
                || link.path.file_name().is_some_and(|name| s6::is_unmistakable(&name.to_string_lossy()))
        }
        Existing::Nothing | Existing::Installed | Existing::Original => true,
    }
}

fn summary(made: &[Link], program: &Path) -> String {
    let mut text = String::new();
    let is_new = |link: &&Link| link.is_made && link.found == Existing::Nothing;
    let is_same = |link: &&Link| link.is_made && link.found == Existing::Installed;
    let (new, same) = (made.iter().filter(is_new).count(), made.iter().filter(is_same).count());
    let _ = writeln!(text, "links to {}: {new} created, {same} there already", shown(program));
    for (is_made, verb) in [(true, "replaced"), (false, "kept")] {
        let mut groups: BTreeMap<(PathBuf, String), Vec<String>> = BTreeMap::new();
        let others = made.iter().filter(|link| link.is_made == is_made && !is_new(link) && !is_same(link));
        for link in others {
            let place = link.path.parent().unwrap_or(Path::new("/")).to_path_buf();
            let name = link.path.file_name().map(shown).unwrap_or_default();
            groups.entry((place, description(&link.found))).or_default().push(name);
        }
        for ((place, what), names) in groups {
            let _ = writeln!(text, "{verb} in {}, {what}: {}", shown(&place), names.join(" "));
        }
    }
    if !is_complete(made) {
        text.push_str(
            "scripts that call what was kept run something else; `--force` replaces files that are no directories\n",
        );
    }
    text
}

fn description(found: &Existing) -> String {
    match found {
        Existing::Nothing => "nothing".to_owned(),
        Existing::Installed => "links to this program".to_owned(),
        Existing::Link(target) => {
            let place = target.parent().filter(|place| !place.as_os_str().is_empty());
            format!("links to {}", shown(place.unwrap_or(target)))
        }
        Existing::Original => "programs of s6, execline or s6-overlay".to_owned(),
        Existing::LinuxServer => "LinuxServer's scripts, which call /command".to_owned(),
        Existing::Other => "other programs".to_owned(),
        Existing::Directory => "directories".to_owned(),
    }
}
