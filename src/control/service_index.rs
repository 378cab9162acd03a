//! [`ServiceIndex`]: the services by name, and what of them never changes. Resolves names in requests, and refuses changes
//! that cannot be given to a service. Values only.

use std::collections::{BTreeSet, HashMap};

use super::responses::ServiceKind;
use crate::config::service::Kind;
use crate::config::suggest;
use crate::config::values::ServiceName;
use crate::supervise::{Id, Spec, Start};

/// All services in the order of the engine's ids, and by name, so that a request costs as much as it names.
#[derive(Clone, Debug, Default)]
pub struct ServiceIndex {
    entries: Vec<IndexEntry>,
    names: HashMap<ServiceName, Id>,
    main: Option<Id>,
    /// Services that a later stage of the boot has.
    later: BTreeSet<String>,
}

/// One service.
#[derive(Clone, Debug)]
pub struct IndexEntry {
    /// Its name.
    pub name: ServiceName,
    /// What kind of service.
    pub kind: ServiceKind,
    /// Must be up or done before it starts.
    pub requires: Vec<Id>,
    /// Must have settled before it starts.
    pub after: Vec<Id>,
    start: Start,
}

/// A manual start or stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManualChange {
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Stop it and start it again.
    Restart,
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestRefused {
    /// It names a service that does not exist.
    Unknown(String),
    /// That cannot be done.
    Refused(String),
}

impl ServiceIndex {
    /// Returns the index of these services.
    pub fn new<'a>(specs: impl IntoIterator<Item = &'a Spec>) -> Self {
        let mut service_index = Self::default();
        specs.into_iter().for_each(|spec| service_index.push(spec));
        service_index
    }

    /// Returns the index with the names of services that a later stage of the boot has.
    #[must_use]
    pub fn with_later(self, later: BTreeSet<String>) -> Self {
        Self { later, ..self }
    }

    /// Returns whether a later stage of the boot has the service.
    pub fn is_later(&self, name: &str) -> bool {
        self.later.contains(name)
    }

    /// Adds a service behind all others.
    pub fn push(&mut self, spec: &Spec) {
        self.set(Id(self.entries.len()), spec);
    }

    /// Sets the service with that id: a new id, or one of a removed service.
    pub fn set(&mut self, id: Id, spec: &Spec) {
        let kind = match spec.kind {
            _ if spec.is_main => ServiceKind::Main,
            Kind::Longrun => ServiceKind::Longrun,
            Kind::Oneshot => ServiceKind::Oneshot,
        };
        let entry = IndexEntry {
            name: spec.name.clone(),
            kind,
            requires: spec.requires.clone(),
            after: if spec.is_main { self.ids().collect() } else { spec.after.clone() },
            start: spec.start,
        };
        self.names.insert(entry.name.clone(), id);
        match self.entries.get_mut(id.0) {
            Some(known) => *known = entry,
            None => self.entries.push(entry),
        }
        if spec.is_main {
            self.main = Some(id);
        } else if let Some(main) = self.main.and_then(|main| self.entries.get_mut(main.0))
            && let Err(at) = main.after.binary_search(&id)
        {
            main.after.insert(at, id);
        }
    }

    /// Sets what a known service depends on, if that is another than before.
    pub fn set_order(&mut self, id: Id, spec: &Spec) {
        if let Some(entry) = self.entries.get_mut(id.0).filter(|entry| entry.name == spec.name)
            && (entry.requires != spec.requires || entry.after != spec.after)
        {
            (entry.requires, entry.after) = (spec.requires.clone(), spec.after.clone());
        }
    }

    /// Removes a service.
    pub fn remove(&mut self, id: Id) {
        let name = self.name(id).to_owned();
        if self.names.get(name.as_str()) == Some(&id) {
            self.names.remove(name.as_str());
        }
        if let Some(main) = self.main.and_then(|main| self.entries.get_mut(main.0)) {
            main.after.retain(|known| *known != id);
        }
    }

    /// Returns every id.
    pub fn ids(&self) -> impl Iterator<Item = Id> + use<> {
        (0..self.entries.len()).map(Id)
    }

    /// Returns the entry of a service.
    pub fn get(&self, id: Id) -> Option<&IndexEntry> {
        self.entries.get(id.0)
    }

    /// Returns its name; empty if there is no such service.
    pub fn name(&self, id: Id) -> &str {
        self.get(id).map_or("", |entry| entry.name.as_str())
    }

    /// Returns the ids of these names, each once.
    ///
    /// # Errors
    /// When no name is given, or a name is unknown: every such name, with a suggestion.
    pub fn resolve(&self, names: &[String]) -> Result<Vec<Id>, RequestRefused> {
        let mut ids = Vec::new();
        let mut unknown = Vec::new();
        for name in names {
            match self.names.get(name.as_str()).copied() {
                Some(id) if ids.contains(&id) => {}
                Some(id) => ids.push(id),
                None => unknown.push(self.unknown_service(name)),
            }
        }
        if !unknown.is_empty() {
            return Err(RequestRefused::Unknown(unknown.join("; ")));
        }
        if ids.is_empty() { Err(RequestRefused::Unknown("no service is given".to_owned())) } else { Ok(ids) }
    }

    fn unknown_service(&self, name: &str) -> String {
        let there = |entry: &&IndexEntry| self.names.contains_key(&entry.name);
        let known = self.entries.iter().filter(there).map(|entry| entry.name.as_str());
        if self.is_later(name) {
            let now: Vec<_> = known.take(MAX_HINT_NAMES).collect();
            return format!(
                "`{name}` starts after the preparation of the container; still running: {}; `stepdown wait {name}` waits for it",
                now.join(", ")
            );
        }
        let known = known.chain(self.later.iter().map(String::as_str));
        let hint = match suggest::nearest(name, known.clone()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if self.names.is_empty() && self.later.is_empty() => "there are no services".to_owned(),
            None => {
                let some: Vec<_> = known.clone().take(MAX_HINT_NAMES).collect();
                let more = if self.names.len() + self.later.len() > some.len() { ", …" } else { "" };
                format!("the services are: {}{more}", some.join(", "))
            }
        };
        format!("there is no service `{name}`; {hint}")
    }

    /// Returns the ids of these names, if the change is possible for all of them.
    ///
    /// # Errors
    /// As [`Self::resolve`]; also which services cannot be started or stopped manually, and why.
    pub fn resolve_changeable(&self, names: &[String], change: ManualChange) -> Result<Vec<Id>, RequestRefused> {
        let ids = self.resolve(names)?;
        let refused: Vec<String> = ids.iter().filter_map(|id| self.get(*id)?.refusal(change)).collect();
        if refused.is_empty() { Ok(ids) } else { Err(RequestRefused::Refused(refused.join("; "))) }
    }
}

/// Most names in a hint.
const MAX_HINT_NAMES: usize = 10;

impl IndexEntry {
    /// Returns whether it is skipped in this mode.
    pub fn is_skipped(&self) -> bool {
        self.start == Start::Skipped
    }

    fn refusal(&self, change: ManualChange) -> Option<String> {
        let name = &self.name;
        if self.kind == ServiceKind::Main {
            let fix = match change {
                ManualChange::Start => "it runs as long as the container",
                ManualChange::Stop => "the container ends with it: `stepdown shutdown`",
                ManualChange::Restart => "the container ends with it: restart the container",
            };
            return Some(format!("`{name}` is the main command; {fix}"));
        }
        match (self.start, change) {
            (Start::Skipped, ManualChange::Start | ManualChange::Restart) => {
                Some(format!("`{name}` does not run in this mode; start the container as root"))
            }
            (Start::AlreadyDone, _) => Some(format!(
                "`{name}` ran before the step down, and PID 1 is no longer root; restart the container to run it again"
            )),
            (Start::Failed, ManualChange::Start | ManualChange::Restart) => Some(format!(
                "`{name}` failed before the step down, and PID 1 is no longer root; restart the container to run it again"
            )),
            (Start::HeldBack, ManualChange::Start | ManualChange::Restart) => Some(format!(
                "`{name}` is held back because of its definition: correct what `stepdown status {name}` says, and reload"
            )),
            (Start::Wanted | Start::Down, _)
            | (Start::Skipped | Start::Failed | Start::HeldBack, ManualChange::Stop) => None,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::values::ServiceName;

    /// A spec for tests.
    pub fn spec(name: &str, requires: &[usize], start: Start) -> Spec {
        let requires = requires.iter().copied().map(Id).collect();
        Spec { name: ServiceName::new(name).unwrap(), requires, start, is_main: false, ..Spec::main() }
    }

    fn service_index() -> ServiceIndex {
        ServiceIndex::new(&[
            spec("db", &[], Start::Wanted),
            spec("web", &[0], Start::Wanted),
            spec("migrate", &[], Start::AlreadyDone),
            spec("gpu", &[], Start::Skipped),
            spec("chown", &[], Start::Failed),
            Spec::main(),
        ])
    }

    fn names(all: &[&str]) -> Vec<String> {
        all.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_unknown_name_is_reported_with_a_suggestion() {
        assert_eq!(service_index().resolve(&names(&["web", "db", "web", "main"])), Ok(vec![Id(1), Id(0), Id(5)]));
        assert_eq!(
            service_index().resolve(&names(&["db", "wbe", "postgres"])),
            Err(RequestRefused::Unknown(
                "there is no service `wbe`; did you mean `web`?; there is no service `postgres`; the services are: db, web, \
                 migrate, gpu, chown, main"
                    .into()
            ))
        );
        assert_eq!(service_index().resolve(&[]), Err(RequestRefused::Unknown("no service is given".into())));
    }

    #[test]
    fn a_service_of_a_later_stage_is_known_by_its_name_alone() {
        let later = ["web", "db"].map(str::to_owned).into();
        let service_index = ServiceIndex::new(&[spec("prepare", &[], Start::Wanted)]).with_later(later);
        assert!(service_index.is_later("web") && !service_index.is_later("prepare"));
        let expected = "`web` starts after the preparation of the container; still running: prepare; `stepdown wait web` \
                        waits for it";
        assert_eq!(service_index.resolve(&names(&["web"])), Err(RequestRefused::Unknown(expected.into())));
        let hint = |name: &str| match service_index.resolve(&names(&[name])) {
            Err(RequestRefused::Unknown(what)) => what,
            other => panic!("{other:?}"),
        };
        assert_eq!(hint("wbe"), "there is no service `wbe`; did you mean `web`?");
        assert_eq!(hint("postgres"), "there is no service `postgres`; the services are: prepare, db, web");
    }

    #[test]
    fn what_cannot_be_done_by_hand_is_refused_with_a_way_out() {
        for (name, change, word) in [
            ("main", ManualChange::Stop, "stepdown shutdown"),
            ("main", ManualChange::Restart, "restart the container"),
            ("main", ManualChange::Start, "as long as the container"),
            ("migrate", ManualChange::Start, "before the step down"),
            ("migrate", ManualChange::Stop, "before the step down"),
            ("chown", ManualChange::Restart, "before the step down"),
            ("gpu", ManualChange::Start, "as root"),
        ] {
            let refused = service_index().resolve_changeable(&names(&["db", name]), change);
            assert!(matches!(&refused, Err(RequestRefused::Refused(why)) if why.contains(word)), "{name}: {refused:?}");
        }
        assert_eq!(
            service_index().resolve_changeable(&names(&["gpu", "web"]), ManualChange::Stop),
            Ok(vec![Id(3), Id(1)])
        );
    }

    #[test]
    fn what_is_held_back_is_started_by_a_reload_alone() {
        let service_index = ServiceIndex::new(&[spec("late", &[], Start::HeldBack)]);
        let change = |change| service_index.resolve_changeable(&names(&["late"]), change);
        for manual in [ManualChange::Start, ManualChange::Restart] {
            let refused = change(manual);
            assert!(
                matches!(&refused, Err(RequestRefused::Refused(why)) if why.ends_with("and reload")),
                "{refused:?}"
            );
        }
        assert_eq!(change(ManualChange::Stop), Ok(vec![Id(0)]));
    }

    #[test]
    fn a_place_that_was_given_up_is_nobodys_until_it_is_anothers() {
        let mut service_index = service_index();
        service_index.remove(Id(1));
        assert!(matches!(service_index.resolve(&names(&["web"])), Err(RequestRefused::Unknown(_))));
        assert_eq!(service_index.get(Id(5)).unwrap().after, [Id(0), Id(2), Id(3), Id(4)]);
        service_index.set(Id(1), &spec("cache", &[], Start::Wanted));
        service_index.push(&spec("web", &[1], Start::Wanted));
        assert_eq!(service_index.resolve(&names(&["web", "cache", "main"])), Ok(vec![Id(6), Id(1), Id(5)]));
        assert_eq!(service_index.get(Id(5)).unwrap().after, [0, 1, 2, 3, 4, 6].map(Id));
    }

    #[test]
    fn the_main_command_is_after_everything() {
        let service_index = service_index();
        assert_eq!(service_index.get(Id(5)).unwrap().after, [Id(0), Id(1), Id(2), Id(3), Id(4)]);
        assert_eq!(service_index.ids().count(), 6);
    }
}
