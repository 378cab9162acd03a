//! A directory of s6-rc definitions → drafts and bundles. Must not know how one definition is read.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::bundles::Member;
use super::definition;
use super::files::ServiceDir;
use super::format::DirectoryFormat;
use super::image::Image;
use super::reachable::STARTED;
use super::table::{self, ItemScope};
use crate::config::draft::{Draft, DraftSource, Relation};
use crate::config::quote::quoted_os;
use crate::config::s6_overlay::S6Origin;
use crate::config::service::Kind;
use crate::config::tree::{self, TreeContents};
use crate::config::values::ServiceName;
use crate::config::{Content, S6Sources, Tree};
use crate::error::{Place, Problem, Problems};
use crate::text::shown;

/// Names that s6-rc keeps for itself.
const RESERVED: [&str; 2] = ["s6rc-", "s6-rc-"];

/// Bundles and services of s6-overlay itself.
const BUILT_IN: [&str; 5] = ["base", "fix-attrs", "legacy-cont-init", "legacy-services", "top"];

/// Reads the definitions and user bundles of an image into `found`.
pub fn read(image: &Image, sources: &S6Sources, found: &mut TreeContents, problems: &mut Problems) {
    tree(image, &sources.definitions, found, problems);
    let has_user = sources.definitions.entries.contains_key(OsStr::new(STARTED[0]));
    match has_user {
        false => tree(image, &sources.user_bundles, found, problems),
        true => found.s6_notices.extend(passed_over(&sources.user_bundles, &sources.definitions.path)),
    }
}

/// With `user` among the definitions s6-overlay does not look into the directory of user bundles.
fn passed_over(bundles: &Tree, definitions: &Path) -> Option<String> {
    let is_used = |content: &Content| match content {
        Content::Dir(entries) => match entries.get(OsStr::new("contents.d")) {
            Some(Content::Dir(members)) => !members.is_empty(),
            Some(_) | None => false,
        },
        Content::File { .. } | Content::TooLarge(_) | Content::Unreadable(_) | Content::Other(_) => false,
    };
    let user = shown(&definitions.join(STARTED[0]));
    bundles.entries.values().any(is_used).then(|| {
        format!("{} is not read, as under s6-overlay: {user} exists; move its members there", shown(&bundles.path))
    })
}

fn tree(image: &Image, tree: &Tree, found: &mut TreeContents, problems: &mut Problems) {
    if let Some(why) = &tree.unreadable {
        found.anything = true;
        let what = format!("cannot read the definitions of services: {why}");
        problems.push(Problem::new(Place::file(&tree.path), what, "put the directory there, readable"));
    }
    let mut files = Vec::new();
    for (name, content) in &tree.entries {
        let path = tree.path.join(name);
        let entries = match content {
            Content::Dir(entries) => entries,
            // s6-rc-compile reads directories alone.
            Content::File { .. } | Content::TooLarge(_) => {
                files.push(quoted_os(name));
                continue;
            }
            Content::Unreadable(why) => {
                let what = format!("cannot read it: {why}");
                problems.push(Problem::new(Place::file(&path), what, "make it readable, or remove it"));
                continue;
            }
            Content::Other(kind) => {
                let what = format!("is not a directory ({kind})");
                problems.push(Problem::new(Place::file(&path), what, "make it a directory, or remove it"));
                continue;
            }
        };
        found.anything = true;
        match definition_name(name) {
            Ok(name) => entry(image, &name, path, entries, found, problems),
            Err((what, fix)) => {
                found.bundles.refuse(name.to_string_lossy().into_owned());
                problems.push(Problem::new(Place::file(&path), what, fix));
            }
        }
    }
    if !files.is_empty() {
        found.foreign.push((tree.path.clone(), files));
    }
}

fn definition_name(name: &OsStr) -> Result<ServiceName, (String, String)> {
    let text = name.to_string_lossy();
    if let Some(prefix) = RESERVED.iter().find(|prefix| text.starts_with(**prefix)) {
        let fix = format!("rename it: s6-rc keeps names that begin with `{prefix}` for itself");
        return Err((format!("{} cannot be a service's name", quoted_os(name)), fix));
    }
    if BUILT_IN.contains(&&*text) {
        let what = format!("{} is a name of s6-overlay itself", quoted_os(name));
        return Err((what, "rename it: s6-overlay does not start with two of that name".to_owned()));
    }
    ServiceName::new(&text).ok_or_else(|| {
        let what = format!("{} cannot be a service's name, although s6-rc may accept it", quoted_os(name));
        (what, format!("rename it: {}", tree::name_rule(&text)))
    })
}

fn entry(
    image: &Image,
    name: &ServiceName,
    path: PathBuf,
    entries: &BTreeMap<OsString, Content>,
    found: &mut TreeContents,
    problems: &mut Problems,
) {
    let mut dir = ServiceDir::new(path.clone(), entries);
    // s6-overlay writes the type of these itself.
    let is_bundle = STARTED.contains(&name.as_str()) || dir.word("type") == Some("bundle");
    if !is_bundle {
        if !tree::declare(name, &path, found, problems) {
            return;
        }
        let (at, dir) = (path.clone(), ServiceDir::new(path.clone(), entries));
        let (mut draft, wrong) = definition::read(name, dir, DirectoryFormat::Definition);
        problems.extend(wrong);
        let origin = match draft.service.kind {
            Kind::Longrun => S6Origin::Longrun(path),
            Kind::Oneshot => S6Origin::Script,
        };
        image.adopt(&mut draft.service, origin);
        found.s6_pipelines.extend(pipeline(name, &draft, entries, &at, problems));
        draft.source = DraftSource::Definitions;
        found.drafts.push(draft);
        return;
    }
    let members = members(name, &mut dir);
    let rows = table::rows(ItemScope::Bundle).filter(|row| dir.has(row.item));
    found.s6_bundle_rows.extend(rows.map(|row| (name.to_string(), row)));
    problems.extend(dir.finish());
    let first = found.declared.get(name).cloned().map_or(Ok(()), Err);
    if let Err(first) = first.and_then(|()| found.bundles.declare(name.as_str(), path.clone(), members)) {
        let what = format!("the name `{name}` is declared twice, here and in {}", shown(&first));
        problems.push(Problem::new(Place::file(&path), what, "keep one of them, or rename one"));
    }
}

/// `pipeline-name` of a last consumer: a bundle of all that feeds it. Elsewhere s6-rc ignores it.
fn pipeline(
    name: &ServiceName,
    draft: &Draft,
    entries: &BTreeMap<OsString, Content>,
    path: &Path,
    problems: &mut Problems,
) -> Option<(ServiceName, String, Place)> {
    let has = |relation| draft.dependencies.iter().any(|dependency| dependency.relation == relation);
    let mut dir = ServiceDir::new(path.to_owned(), entries);
    let is_last = has(Relation::ConsumesFrom) && !has(Relation::PipesTo);
    let names = dir.names_in("pipeline-name").filter(|_| is_last)?;
    let at = Place::file(dir.path("pipeline-name"));
    match names[..] {
        [(_, pipeline)] => Some((name.clone(), pipeline.to_owned(), at)),
        [] => {
            problems.push(Problem::new(at, "names nothing", "write a name for the pipeline, or remove it"));
            None
        }
        [_, (line, _), ..] => {
            problems.push(Problem::new(at, format!("has another name on line {line}"), "write one name"));
            None
        }
    }
}

/// `contents.d/NAME`, else the lines of `contents`.
fn members(name: &ServiceName, dir: &mut ServiceDir<'_>) -> Vec<Member> {
    let listed = dir.list("contents");
    if listed.is_none() && !STARTED.contains(&name.as_str()) {
        let fix = "create a directory `contents.d` there, with an empty file for each service";
        dir.problem_of_all("is a bundle and has no `contents.d`", fix);
    }
    listed.unwrap_or_default().into_iter().map(|(name, at)| Member { name, at }).collect()
}
