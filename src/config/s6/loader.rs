//! Everything of an image made for s6-overlay, and the order of it (FIELD §2.2, §2.5): `base` is what `cont-init.d` does,
//! the services of `services.d` come after `base` and `user`, and `cont-finish.d` is the last at the stop. Must not know the
//! machine.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::bundles::Member;
use super::image::Image;
use super::{custom_services, definitions, fix_attrs, scripts, version_two};
use crate::config::S6Sources;
use crate::config::container::Container;
use crate::config::draft::{Dependency, Draft, DraftSource, Relation};
use crate::config::quote::ticked;
use crate::config::s6_overlay::{OnFailure, S6Origin};
use crate::config::tree::TreeContents;
use crate::config::values::ServiceName;
use crate::error::{Problem, Problems};

/// Names of the scripts by which LinuxServer's images run those of their users themselves.
const OWN_SCRIPTS: [&str; 3] = ["init-custom-files", "cont-init-99-custom-files", "cont-init-99-custom-scripts"];

/// The bundle of the services of `services.d`.
const LEGACY_SERVICES: &str = "legacy-services";

/// Reads an image into `found`, whose services tree was read already.
pub fn read(
    image: &Image,
    sources: &S6Sources,
    found: &mut TreeContents,
    container: &mut Container,
    problems: &mut Problems,
) {
    let legacy = services_of_tree(found);
    found.s6_notices.extend(sources.version_two.iter().flat_map(version_two::ignored));
    definitions::read(image, sources, found, problems);
    pipelines(found, problems);
    one_sided_pipes(found);
    fix_attrs::read(&sources.fix_attrs, container, problems, &mut found.s6_notices);
    let mut init = scripts::init(image, &sources.init_scripts, found, problems);
    let is_declared = |name: &&str| ServiceName::new(name).is_some_and(|name| found.declared.contains_key(&name));
    if !OWN_SCRIPTS.iter().any(is_declared) {
        let last = init.last().cloned();
        init.extend(scripts::custom(image, &sources.custom_scripts, last.as_ref(), found, problems));
    }
    custom_services::read(image, &sources.custom_services, found, problems);
    bundles(image, &init, &legacy, found);
    let finish = scripts::finish(image, &sources.finish_scripts, found, problems);
    stop_before(&finish, found);
}

/// Declares the bundles of pipelines: the last consumer, its producers, and theirs.
fn pipelines(found: &mut TreeContents, problems: &mut Problems) {
    for (consumer, pipeline, at) in std::mem::take(&mut found.s6_pipelines) {
        let mut members = vec![consumer.to_string()];
        let mut next = 0;
        while let Some(name) = members.get(next).cloned() {
            next += 1;
            let draft = found.drafts.iter().find(|draft| draft.service.name.as_str() == name);
            let fed = draft
                .into_iter()
                .flat_map(|draft| &draft.dependencies)
                .filter(|dependency| dependency.relation == Relation::ConsumesFrom);
            let fresh: Vec<_> =
                fed.map(|dependency| dependency.to.clone()).filter(|name| !members.contains(name)).collect();
            members.extend(fresh);
        }
        let member = |name| Member { name, at: at.clone() };
        let members = members.into_iter().map(member).collect();
        let is_service = ServiceName::new(&pipeline).is_some_and(|name| found.declared.contains_key(&name));
        let path = PathBuf::from(&pipeline);
        if is_service || found.bundles.declare(&pipeline, path, members).is_err() {
            let what = format!("{} is the name of another service or bundle", ticked(&pipeline));
            problems.push(Problem::new(at, what, "choose another name"));
        }
    }
}

/// Notes producers whose consumer does not name them: s6-rc wants both ends.
fn one_sided_pipes(found: &mut TreeContents) {
    let ends = |relation, one: &str, other: &str| {
        let draft = found.drafts.iter().find(|draft| draft.service.name.as_str() == one)?;
        Some(draft.dependencies.iter().any(|end| end.relation == relation && end.to == other))
    };
    let of_definitions = found.drafts.iter().filter(|draft| draft.source == DraftSource::Definitions);
    let pipes =
        of_definitions.flat_map(|draft| draft.dependencies.iter().map(|end| (draft.service.name.as_str(), end)));
    let open = pipes.filter(|(name, end)| {
        end.relation == Relation::PipesTo && ends(Relation::ConsumesFrom, &end.to, name) == Some(false)
    });
    let notices = open.map(|(name, end)| {
        let to = ticked(&end.to);
        format!("{}: {to} does not name `{name}` in `consumer-for`: s6-overlay would not start with it", end.at)
    });
    let notices: Vec<_> = notices.collect();
    found.s6_notices.extend(notices);
}

/// Returns the services that `services.d` has in s6's format, and makes them depend on `base` and `user`.
fn services_of_tree(found: &mut TreeContents) -> Vec<ServiceName> {
    let mut names = Vec::new();
    for draft in &mut found.drafts {
        let Some(S6Origin::Legacy(_) | S6Origin::LegacyLog(_)) = &draft.service.s6 else { continue };
        names.push(draft.service.name.clone());
        let dependency = |to: &str| Dependency {
            relation: Relation::Requires,
            to: to.to_owned(),
            at: draft.service.at.clone(),
            written: LEGACY_SERVICES.to_owned(),
        };
        draft.dependencies.extend(["base", "user"].map(dependency));
    }
    names
}

/// Declares what s6-overlay itself has. A failed script of `cont-init.d` only keeps others from starting if it ends the
/// container.
fn bundles(image: &Image, init: &[ServiceName], legacy: &[ServiceName], found: &mut TreeContents) {
    let relation = match image.overlay.on_failure {
        OnFailure::Stop => Relation::Requires,
        OnFailure::Continue | OnFailure::Warn => Relation::After,
    };
    let strings = |names: &[ServiceName]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let bundles = &mut found.bundles;
    bundles.add_built_in("fix-attrs", [], Relation::After);
    bundles.add_built_in("legacy-cont-init", strings(init), relation);
    bundles.add_built_in("base", ["fix-attrs", "legacy-cont-init"].map(str::to_owned), Relation::Requires);
    for name in ["user", "user2"] {
        bundles.add_built_in(name, [], Relation::Requires);
    }
    bundles.add_built_in(LEGACY_SERVICES, strings(legacy), Relation::After);
    // Also in an image without such services: what depends on them comes after all that they would come after.
    bundles.add_built_in(LEGACY_SERVICES, ["base", "user"].map(str::to_owned), Relation::After);
    let top = ["base", "user", LEGACY_SERVICES, "user2"].map(str::to_owned);
    bundles.add_built_in("top", top, Relation::Requires);
}

/// Returns which of these services depend on those of `services.d`. Their dependencies still name bundles.
pub fn after_legacy_services(drafts: &[Draft]) -> BTreeSet<ServiceName> {
    let depends = |draft: &&Draft| draft.dependencies.iter().any(|dependency| dependency.to == LEGACY_SERVICES);
    drafts.iter().filter(depends).map(|draft| draft.service.name.clone()).collect()
}

/// Makes everything else stop before the scripts of the stop, whose first one comes last in the list.
fn stop_before(scripts: &[ServiceName], found: &mut TreeContents) {
    let Some(first) = scripts.last() else { return };
    for draft in found.drafts.iter_mut().filter(|draft| !scripts.contains(&draft.service.name)) {
        let (relation, at, written) = (Relation::After, draft.service.at.clone(), "order".to_owned());
        draft.dependencies.push(Dependency { relation, to: first.to_string(), at, written });
    }
}
