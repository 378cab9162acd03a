//! A services tree → drafts: which entry is a service, in which format, and which is a mistake. Must not know how a format
//! is parsed, nor how services depend on each other.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::draft::Draft;
use super::file_report::FileReport;
use super::quote::{quoted, quoted_os, ticked};
use super::s6::table::Row;
use super::s6::{self, Bundles, DirectoryFormat, Image, ServiceDir};
use super::s6_overlay::S6Origin;
use super::service::{Command, Kind, Service};
use super::values::ServiceName;
use super::{Content, Tree, bytes, foreign_files, service_toml, user_switch};
use crate::error::{Place, Problem, Problems};
use crate::text::shown;

/// A tree with more entries than this is a mistake or an attack (SECURITY T33).
const MAX_ENTRIES: usize = 10_000;
/// After this many problems the rest of the files is not read.
const MAX_PROBLEMS: usize = 1000;

const EXPECTED: &str = "a service is NAME.toml, or a directory NAME with service.toml or run";

/// The contents of all trees.
#[derive(Default)]
pub struct TreeContents {
    /// Services as read, in the order of the trees.
    pub drafts: Vec<Draft>,
    /// Each name and where it was declared first, also of files that could not be read.
    pub declared: BTreeMap<ServiceName, PathBuf>,
    /// Entries that are not services by their names, such as `README.md`, by tree.
    pub foreign: Vec<(PathBuf, Vec<String>)>,
    /// Whether there is any entry that may be intended as a service.
    pub anything: bool,
    /// Names that stand for several services.
    pub bundles: Bundles,
    /// Notices about an image made for s6-overlay as a whole.
    pub s6_notices: Vec<String>,
    /// The rows of s6-overlay's table that files of bundles are about.
    pub s6_bundle_rows: Vec<(String, &'static Row)>,
    /// The names of pipelines, each with its last consumer.
    pub s6_pipelines: Vec<(ServiceName, String, Place)>,
    /// Whether a service directory of such an image that is wrong is held back alone.
    pub holds_back: bool,
    /// The services that are, each with every problem of its directory.
    pub held_back: BTreeMap<ServiceName, Vec<Problem>>,
}

/// Reads one tree into `found`; `named_by`: the variable that names it, if any; `image`: the image, if it was made for
/// s6-overlay.
pub fn read(
    tree: &Tree,
    named_by: Option<Place>,
    image: Option<&Image>,
    found: &mut TreeContents,
    problems: &mut Problems,
) {
    if let Some(why) = &tree.unreadable {
        found.anything = true;
        let shown = quoted_os(tree.path.as_os_str());
        match named_by {
            // A relative path was reported already.
            Some(_) if tree.path.is_relative() => {}
            Some(at) => {
                let what = format!("cannot read the services tree {shown}: {why}");
                problems.push(Problem::new(at, what, "correct the variable, or put the directory there, readable"));
            }
            None => {
                let what = format!("cannot read the services tree: {why}");
                problems.push(Problem::new(Place::file(&tree.path), what, "put the directory there, readable"));
            }
        }
        return;
    }
    if tree.entries.len() > MAX_ENTRIES {
        let what = format!("holds {} entries", tree.entries.len());
        let fix = format!("a services tree may hold {MAX_ENTRIES}");
        problems.push(Problem::new(Place::file(&tree.path), what, fix));
        found.anything = true;
        return;
    }
    let visible = |name: &OsStr| !name.as_encoded_bytes().starts_with(b".");
    let is_foreign = |name: &OsStr| name.to_str().is_some_and(is_foreign);
    let (foreign, entries): (Vec<_>, Vec<_>) =
        tree.entries.iter().filter(|(name, _)| visible(name)).partition(|(name, _)| is_foreign(name));
    if !foreign.is_empty() {
        let names = foreign.iter().map(|(name, _)| quoted_os(name)).collect();
        found.foreign.push((tree.path.clone(), names));
    }
    for (position, (name, content)) in entries.into_iter().enumerate() {
        found.anything = true;
        if problems.len() >= MAX_PROBLEMS {
            let what = format!("too many problems: after {position} entries the rest was not read");
            problems.push(Problem::new(Place::file(&tree.path), what, "fix those first"));
            return;
        }
        match image.filter(|_| found.holds_back && s6::is_of_s6(content)) {
            Some(image) => entry_or_hold_back((tree, image), name, content, found, problems),
            None => entry((tree, image), name, content, found, problems),
        }
    }
}

/// Reads an entry of an image made for s6-overlay; with any problem of its own it is held back, with its logger.
fn entry_or_hold_back(
    (tree, image): (&Tree, &Image),
    name: &OsString,
    content: &Content,
    found: &mut TreeContents,
    problems: &mut Problems,
) {
    let (mut own, first) = (Problems::default(), found.drafts.len());
    entry((tree, Some(image)), name, content, found, &mut own);
    if own.is_empty() {
        return;
    }
    let path = tree.path.join(name);
    let Some(service) = name.to_str().and_then(ServiceName::new) else {
        // There is no service that could be held back.
        return found.s6_notices.extend(own.into_sorted().iter().map(|problem| format!("not started: {problem}")));
    };
    if found.declared.entry(service.clone()).or_insert_with(|| path.clone()) != &path {
        // It is the name of another one.
        return problems.extend(own);
    }
    let of_entry = found.drafts.iter().skip(first).map(|draft| draft.service.name.clone());
    let names: BTreeSet<ServiceName> = of_entry.chain([service.clone()]).collect();
    if !found.drafts.iter().any(|draft| draft.service.name == service) {
        let at = Place::file(&path);
        let mut nothing = Service { at, ..Service::plain(service, Command::Nothing) };
        image.adopt(&mut nothing, S6Origin::Legacy(path));
        found.drafts.push(Draft::of_tree(nothing));
    }
    let own = own.into_sorted();
    found.held_back.extend(names.into_iter().map(|name| (name, own.clone())));
}

/// Returns whether it is a usual name of other files: of a NAS, a file system, editors, package managers, documentation.
/// None of them can be the name of a service's file.
fn is_foreign(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let left_behind =
        ["~", ".orig", ".rej", ".bak", ".swp", ".swo", ".rpmsave", ".rpmnew", ".rpmorig", ".ucf-dist", ".ucf-old"];
    let named = ["@eadir", "#recycle", "lost+found", "thumbs.db", "desktop.ini", "license", "makefile", "__pycache__"];
    // An auto-save file of emacs.
    let is_saved = lower.len() > 2 && lower.starts_with('#') && lower.ends_with('#');
    let is_text = lower.starts_with("readme") && !lower.ends_with(".toml");
    named.contains(&lower.as_str())
        || left_behind.iter().any(|end| lower.ends_with(end))
        || lower.contains(".dpkg-")
        || lower.ends_with(".md")
        || is_text
        || is_saved
}

fn entry(
    (tree, image): (&Tree, Option<&Image>),
    entry: &OsString,
    content: &Content,
    found: &mut TreeContents,
    problems: &mut Problems,
) {
    let directory = matches!(content, Content::Dir(_));
    // If the type is unknown (unreadable, a dangling link) the name decides.
    let bare = match entry.to_str().map(|name| (name, name.strip_suffix(".toml"))) {
        Some((_, Some(bare))) if !directory => Some(bare),
        Some((name, _)) if directory => Some(name),
        Some(_) | None => None,
    };
    let Some(bare) = bare else {
        // s6-overlay takes directories only, and says nothing of the rest.
        if image.is_some() && matches!(content, Content::File { .. } | Content::TooLarge(_) | Content::Other(_)) {
            let (path, name) = (shown(&tree.path), quoted_os(entry));
            found.s6_notices.push(format!("{path}: {name} is not a directory: ignored, as under s6-overlay"));
            return;
        }
        let fix = match entry.to_str() {
            Some(name) => foreign_files::fix(name, &tree.path, content)
                .unwrap_or_else(|| format!("remove it, or begin its name with a dot; {EXPECTED}")),
            None => format!("rename it in plain letters; {EXPECTED}"),
        };
        let why = match content {
            Content::Unreadable(why) => format!(" (cannot read it: {why})"),
            Content::Other(kind) => format!(" ({kind})"),
            Content::File { .. } | Content::Dir(_) | Content::TooLarge(_) => String::new(),
        };
        let what = format!("{} is not a service{why}", quoted_os(entry));
        problems.push(Problem::new(Place::file(&tree.path), what, fix));
        return;
    };
    let Some(name) = ServiceName::new(bare) else {
        problems.push(Problem::new(
            Place::file(&tree.path),
            format!("{} cannot be a service's name", quoted(bare)),
            name_rule(bare),
        ));
        return;
    };
    let path = tree.path.join(entry);
    if !declare(&name, &path, found, problems) {
        return;
    }
    match content {
        Content::Dir(entries) => service_dir((&name, image), path, entries, found, problems),
        Content::File { .. } | Content::TooLarge(_) | Content::Unreadable(_) | Content::Other(_) => {
            toml(&name, path, content, found, problems);
        }
    }
}

/// Returns what a service's name must be.
pub fn name_rule(bare: &str) -> &'static str {
    match bare {
        ServiceName::MAIN => "that is the main command's; choose another",
        ServiceName::OWN => "that is ours; choose another",
        _ => "use letters, digits and `_ - . @ : +`, begin with a letter, digit or `_`, and at most 64",
    }
}

fn service_dir(
    (name, image): (&ServiceName, Option<&Image>),
    path: PathBuf,
    entries: &BTreeMap<OsString, Content>,
    found: &mut TreeContents,
    problems: &mut Problems,
) {
    if let Some(content) = entries.get(OsStr::new("service.toml")) {
        toml(name, path.join("service.toml"), content, found, problems);
        if let Some(draft) = found.drafts.last_mut().filter(|draft| draft.service.name == *name) {
            draft.notices.extend(s6::beside_toml(&draft.service, entries));
        }
    } else if s6::is_service_directory(entries) {
        let origin = S6Origin::Legacy(path.clone());
        let kind = s6_dir(name, (image, origin), ServiceDir::new(path.clone(), entries), found, problems);
        if let (Kind::Longrun, Some(Content::Dir(inner))) = (kind, entries.get(OsStr::new("log"))) {
            logger((name, image), path.join("log"), inner, found, problems);
        }
    } else {
        let fix = match entries.get(OsStr::new("services.d")) {
            Some(Content::Dir(_)) => format!("it holds `services.d`, a tree of its own: give {}", shown(&path)),
            Some(_) | None => "put one of them there, or remove the directory".to_owned(),
        };
        problems.push(Problem::new(Place::file(&path), "holds neither `service.toml` nor `run`", fix));
    }
}

fn s6_dir(
    name: &ServiceName,
    (image, origin): (Option<&Image>, S6Origin),
    dir: ServiceDir<'_>,
    found: &mut TreeContents,
    problems: &mut Problems,
) -> Kind {
    let legacy = |image: &Image| DirectoryFormat::LegacyServicedir(image.overlay.version);
    let format = image.map_or(DirectoryFormat::Servicedir, legacy);
    let switch = changed_user(&dir).filter(|_| image.is_none());
    let (mut draft, wrong) = s6::read_directory(name, dir, format);
    draft.notices.extend(switch);
    problems.extend(wrong);
    if let Some(image) = image {
        image.adopt(&mut draft.service, origin);
    }
    let kind = draft.service.kind;
    found.drafts.push(draft);
    kind
}

/// The notice about a `run` that changes the user. In an image made for s6-overlay it runs as root, and has to.
fn changed_user(dir: &ServiceDir<'_>) -> Option<String> {
    let Content::File { bytes, .. } = dir.entry("run")? else { return None };
    let script = std::str::from_utf8(bytes).ok().filter(|text| text.starts_with("#!"))?;
    let (line, program) = user_switch::in_script(script)?;
    let path = dir.path("run");
    Some(format!(
        "{}:{line}: {}: the service runs as the app user already and cannot become another; leave it out, or write a \
         `service.toml` with `command` and `user`",
        shown(&path),
        ticked(&program)
    ))
}

/// The `log` of an s6 directory is a service of its own, which reads the other's output.
fn logger(
    (of, image): (&ServiceName, Option<&Image>),
    path: PathBuf,
    entries: &BTreeMap<OsString, Content>,
    found: &mut TreeContents,
    problems: &mut Problems,
) {
    let text = s6::logger(of);
    let Some(name) = ServiceName::new(&text) else {
        let what = format!("{} cannot be a service's name", quoted(&text));
        problems.push(Problem::new(Place::file(&path), what, name_rule(&text)));
        return;
    };
    if !declare(&name, &path, found, problems) {
        return;
    }
    s6_dir(&name, (image, S6Origin::LegacyLog(of.clone())), ServiceDir::new(path, entries), found, problems);
}

/// Declares a name; a second service with that name is a problem.
pub fn declare(name: &ServiceName, path: &PathBuf, found: &mut TreeContents, problems: &mut Problems) -> bool {
    let Some(first) = found.declared.get(name) else {
        found.declared.insert(name.clone(), path.clone());
        return true;
    };
    let what = format!("service `{name}` is declared twice, here and in {}", shown(first));
    problems.push(Problem::new(Place::file(path), what, "keep one of them, or rename one"));
    false
}

fn toml(name: &ServiceName, path: PathBuf, content: &Content, found: &mut TreeContents, problems: &mut Problems) {
    let mut report = FileReport::new(&path);
    if let Some(text) = bytes::text(content, &mut report) {
        let draft = service_toml::read(name, text, &mut report);
        found.drafts.push(draft);
    }
    problems.extend(report.finish());
}
