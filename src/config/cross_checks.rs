//! Checks between services: a service that gets another's output or a signal is a longrun; no two use the same log
//! directory. Must not know file formats.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::container::SignalRule;
use super::draft::{Draft, Relation};
use super::graph::{self, KnownNames};
use super::quote::ticked;
use super::service::{Kind, Service};
use super::values::ServiceName;
use crate::error::{Problem, Problems};
use crate::text::shown;

/// Checks both ends of each pipe; dependencies are resolved already.
pub fn pipes(drafts: &[Draft], problems: &mut Problems) {
    let services = by_name(drafts);
    for draft in drafts {
        let name = &draft.service.name;
        for link in &draft.dependencies {
            let Some(other) = services.get(link.to.as_str()) else { continue };
            let wrong = match link.relation {
                Relation::Requires | Relation::After => None,
                Relation::PipesTo if other.kind == Kind::Oneshot => Some((
                    format!("{} is a oneshot: nothing is there to read", ticked(&link.to)),
                    "name a longrun".to_owned(),
                )),
                Relation::PipesTo => None,
                Relation::ConsumesFrom if other.pipe_to.as_ref() != Some(name) => Some((
                    format!("{} does not pipe to {}", ticked(&link.to), ticked(name.as_str())),
                    format!("write {name} into its `producer-for`, or remove it here"),
                )),
                Relation::ConsumesFrom => None,
            };
            if let Some((what, fix)) = wrong {
                problems.push(link.problem(what, fix));
            }
        }
    }
}

/// Checks that no service requires one that runs at calendar times: it could wait for days.
pub fn calendars(drafts: &[Draft], problems: &mut Problems) {
    let services = by_name(drafts);
    for link in drafts.iter().flat_map(|draft| &draft.dependencies).filter(|link| link.relation == Relation::Requires) {
        let Some(calendar) = services.get(link.to.as_str()).and_then(|service| service.calendar.as_ref()) else {
            continue;
        };
        let to = ticked(&link.to);
        let what = format!("{to} runs when its time comes (`at = \"{calendar}\"`)");
        problems.push(link.problem(what, "require a oneshot that runs at the start, or remove it"));
    }
}

/// Checks that no two services log into one directory: each would rotate and remove the other's files.
pub fn log_directories(drafts: &[Draft], problems: &mut Problems) {
    let mut owners: BTreeMap<&Path, &ServiceName> = BTreeMap::new();
    for Draft { service, .. } in drafts {
        let Some(directory) = &service.log.directory else { continue };
        if let Some(first) = owners.insert(&directory.path, &service.name) {
            let what = format!("{} writes its log there, too: {}", ticked(first.as_str()), shown(&directory.path));
            let fix = "give each a `log.directory` of its own";
            problems.push(Problem::new(service.at.clone(), format!("`log.directory`: {what}"), fix));
        }
    }
}

/// Checks that each signal is forwarded to a longrun.
pub fn signals(rules: &[SignalRule], drafts: &[Draft], declared: &BTreeSet<ServiceName>, problems: &mut Problems) {
    if rules.is_empty() {
        return;
    }
    let services = by_name(drafts);
    // Whether there is a main command is only known at the start of a container.
    for rule in rules.iter().filter(|rule| rule.service.as_str() != ServiceName::MAIN) {
        let name = rule.service.as_str();
        let (what, fix) = match services.get(name) {
            Some(service) if service.kind == Kind::Longrun => continue,
            Some(_) => {
                (format!("{} is a oneshot: nothing is there to get it", ticked(name)), "name a longrun".to_owned())
            }
            None if declared.contains(&rule.service) => continue,
            None => {
                let fix = match declared.is_empty() {
                    true => "add that service, or remove it".to_owned(),
                    false => graph::unknown(name, None, &KnownNames { declared, proposed: declared }, true),
                };
                (format!("there is no service {}", ticked(name)), fix)
            }
        };
        let what = format!("`signals.{}`: {what}", rule.from.to_string().trim_start_matches("SIG"));
        problems.push(Problem::new(rule.at.clone(), what, fix));
    }
}

fn by_name(drafts: &[Draft]) -> BTreeMap<&str, &Service> {
    drafts.iter().map(|draft| (draft.service.name.as_str(), &draft.service)).collect()
}
