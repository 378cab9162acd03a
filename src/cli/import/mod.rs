//! `import`: services of other supervisors as our own files, printed or written. What cannot be translated is a comment in
//! the files, and a line on standard error.

mod output_directory;
mod supervisord;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::args::{ImportArgs, SourceKind};
use super::{output, source};
use crate::config::{Sources, command_line};
use crate::error::{EXIT_WRONG, Place, Problem, Problems};
use crate::import::{self, Imported, TextFile};
use crate::inspect::source::{self as files, ConfigPaths};
use crate::text::shown;

/// Something was omitted.
const EXIT_INCOMPLETE: u8 = 1;
/// Where runit's services are in an image.
const RUNIT: [&str; 3] = ["etc/service", "etc/runit/runsvdir/default", "etc/sv"];
/// Variables of an image made for s6-overlay that the loader may read; no other one is the image's.
const OF_IMAGE: &str = "S6_";

/// Reads every source, and prints or writes what comes of it.
pub(super) fn run(args: &ImportArgs) -> u8 {
    let mut imported = Imported::default();
    let mut problems = Problems::default();
    for path in &args.paths {
        match read(path, args.from) {
            Ok(more) => imported.extend(more),
            Err(more) => problems.extend(more),
        }
    }
    if !problems.is_empty() {
        output::err(&problems.into_sorted().iter().map(|problem| format!("{problem}\n")).collect::<String>());
        return EXIT_WRONG;
    }
    let texts = imported.files();
    match &args.to {
        None => drop(output::out(&printed(&texts))),
        Some(to) => match output_directory::write(to, &texts) {
            Ok(written) => drop(output::out(&format!("{written}{}", next_steps(to, &imported, &texts)))),
            Err(error) => return output::failed(&error),
        },
    }
    let omissions = imported.all_omissions().map(|(at, it)| format!("{at}: {}: not translated: {}\n", it.what, it.why));
    let omissions: String = omissions.collect();
    output::err(&omissions);
    if omissions.is_empty() { 0 } else { EXIT_INCOMPLETE }
}

/// What to do with the files that were written.
fn next_steps(to: &Path, imported: &Imported, texts: &[TextFile]) -> String {
    let quoted = shell_word(to);
    let has_container_file = texts.iter().any(|file| file.path == Path::new("stepdown.toml"));
    let copies = match has_container_file {
        true => "`COPY services.d /etc/services.d` and `COPY stepdown.toml /etc/`",
        false => "`COPY services.d /etc/services.d`",
    };
    let replaced: Vec<_> = imported.replaced().iter().map(shown).collect();
    let removal = match replaced.is_empty() {
        true => String::new(),
        false => format!("`RUN rm -r {}`, then ", replaced.join(" ")),
    };
    format!(
        "next: `stepdown check {quoted}`, `stepdown try {quoted}`; in the Dockerfile, with {quoted} as context: {removal}{copies}\n"
    )
}

/// A path as one word of a shell.
fn shell_word(path: &Path) -> String {
    command_line::in_shell(&shown(path))
}

/// All files in one stream, each below its name.
fn printed(texts: &[TextFile]) -> String {
    let file = |TextFile { path, text }: &TextFile| format!("# {}\n{text}", shown(path));
    texts.iter().map(file).collect::<Vec<_>>().join("\n")
}

fn read(path: &Path, from: Option<SourceKind>) -> Result<Imported, Problems> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match from {
        Some(SourceKind::S6) => tree(path, import::s6::import),
        Some(SourceKind::Runit) => tree(path, import::runit::import),
        Some(SourceKind::Supervisord) => supervisord::read(&path),
        Some(SourceKind::Procfile) => {
            let file = supervisord::file(&path)?;
            import::procfile::import(&file.path, &file.text)
        }
        Some(SourceKind::Entrypoint) => {
            let file = supervisord::file(&path)?;
            Ok(import::entrypoint::import(&file.path, &file.text))
        }
        None if path.is_file() => {
            let file = supervisord::file(&path)?;
            if import::supervisord::is_configuration(&file.text) {
                return supervisord::read(&path);
            }
            if import::procfile::is_procfile(&file.text) {
                return import::procfile::import(&file.path, &file.text);
            }
            if import::entrypoint::is_entrypoint(&file.text) {
                return Ok(import::entrypoint::import(&file.path, &file.text));
            }
            let fix = "give a supervisord.conf, a Procfile, an entry point or a tree of s6, or say `--from KIND`";
            Err(Problem::new(Place::file(&path), "no kind of source is recognised in it", fix).into())
        }
        None => match RUNIT.iter().map(|below| path.join(below)).find(|below| below.is_dir()) {
            Some(services) => tree(services, import::runit::import),
            None => tree(path, import::s6::import),
        },
    }
}

/// Reads a tree of s6, s6-overlay or runit.
fn tree(path: PathBuf, import: fn(&Sources) -> Result<Imported, Problems>) -> Result<Imported, Problems> {
    let root = path.join("etc");
    let path =
        if ["services.d", "s6-overlay", "cont-init.d"].iter().any(|it| root.join(it).is_dir()) { root } else { path };
    files::check_given(&path)?;
    let sources = files::read(&ConfigPaths::from_path(Some(path.clone())), image_environment(), Vec::new());
    let imported = import(&sources)?;
    if imported.services.is_empty() {
        let fix = "give the tree of another supervisor";
        return Err(Problem::new(Place::file(&path), "every service here has a TOML file already", fix).into());
    }
    Ok(imported)
}

/// What the image's Dockerfile may set, as far as the caller sets the same: PATH and the rest are those of this machine.
fn image_environment() -> BTreeMap<OsString, OsString> {
    let is_of_image = |name: &OsStr| name.to_string_lossy().starts_with(OF_IMAGE);
    source::environment().into_iter().filter(|(name, _)| is_of_image(name)).collect()
}
