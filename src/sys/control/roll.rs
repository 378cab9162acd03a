//! [`Roll`]: the services by name, and what of them never changes. Says whom a request means, and refuses what cannot be
//! done with whom it names. Values only.

use std::collections::HashSet;

use crate::config::service::Kind;
use crate::config::suggest;
use crate::supervise::{Id, Spec, Start};

/// Everybody who is or was there, in the order of the engine's ids.
#[derive(Clone, Debug, Default)]
pub struct Roll(Vec<Entry>);

/// One service.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// `longrun`, `oneshot` or `main`.
    pub kind: &'static str,
    /// Must be up or done before it starts.
    pub requires: Vec<Id>,
    /// Must have settled before it starts.
    pub after: Vec<Id>,
    start: Start,
    /// A reload has taken it out, and it has ended.
    gone: bool,
}

/// What is asked of services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// To start.
    Start,
    /// To stop.
    Stop,
    /// To stop and start again.
    Restart,
}

/// Why a request is not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum No {
    /// It names somebody who does not exist.
    Unknown(String),
    /// That cannot be done.
    Refused(String),
}

impl Roll {
    /// Returns the roll of these services.
    pub fn new(specs: &[Spec]) -> Self {
        let mut roll = Self::default();
        specs.iter().enumerate().for_each(|(at, spec)| roll.put(Id(at), spec, &Id));
        roll.put_main_last();
        roll
    }

    /// Puts a service, new or known, where it belongs; `id_of` says whom the spec means by its places.
    pub fn put(&mut self, id: Id, spec: &Spec, id_of: &dyn Fn(usize) -> Id) {
        let kind = match spec.kind {
            _ if spec.is_main => MAIN,
            Kind::Longrun => "longrun",
            Kind::Oneshot => "oneshot",
        };
        let translated = |places: &[Id]| places.iter().map(|place| id_of(place.0)).collect();
        let entry = Entry {
            name: spec.name.as_str().to_owned(),
            kind,
            requires: translated(&spec.requires),
            after: translated(&spec.after),
            start: spec.start,
            gone: false,
        };
        match self.0.get_mut(id.0) {
            Some(known) => *known = entry,
            // New ones come in the order of their ids.
            None => self.0.push(entry),
        }
    }

    /// The main command is after everybody.
    pub fn put_main_last(&mut self) {
        let others: Vec<Id> =
            self.present().filter(|id| self.get(*id).is_some_and(|entry| entry.kind != MAIN)).collect();
        if let Some(main) = self.0.iter_mut().find(|entry| entry.kind == MAIN) {
            main.after = others;
        }
    }

    /// Only these are there any more.
    pub fn keep(&mut self, there: &[Id]) {
        let there: HashSet<Id> = there.iter().copied().collect();
        for (at, entry) in self.0.iter_mut().enumerate() {
            entry.gone = !there.contains(&Id(at));
        }
    }

    /// Returns everybody who is there.
    pub fn present(&self) -> impl Iterator<Item = Id> {
        self.0.iter().enumerate().filter(|(_, entry)| !entry.gone).map(|(at, _)| Id(at))
    }

    /// Returns what is known of one.
    pub fn get(&self, id: Id) -> Option<&Entry> {
        self.0.get(id.0)
    }

    /// Returns its name; nothing where there is no such service.
    pub fn name(&self, id: Id) -> &str {
        self.get(id).map_or("", |entry| &entry.name)
    }

    /// Returns whom these names mean, each once.
    ///
    /// # Errors
    /// When nobody is named, or somebody who does not exist: every such name, with what was probably meant.
    pub fn named(&self, names: &[String]) -> Result<Vec<Id>, No> {
        let mut ids = Vec::new();
        let mut unknown = Vec::new();
        for name in names {
            match self.present().find(|id| self.name(*id) == name) {
                Some(id) if ids.contains(&id) => {}
                Some(id) => ids.push(id),
                None => unknown.push(self.nobody(name)),
            }
        }
        if !unknown.is_empty() {
            return Err(No::Unknown(unknown.join("; ")));
        }
        if ids.is_empty() { Err(No::Unknown("no service is named".to_owned())) } else { Ok(ids) }
    }

    fn nobody(&self, name: &str) -> String {
        let known: Vec<&str> = self.present().map(|id| self.name(id)).collect();
        let hint = match suggest::nearest(name, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if known.is_empty() => "there is none at all".to_owned(),
            None => {
                let some = known.get(..MOST_NAMED).unwrap_or(&known);
                let more = if known.len() > some.len() { ", …" } else { "" };
                format!("there are: {}{more}", some.join(", "))
            }
        };
        format!("there is no service `{name}`; {hint}")
    }

    /// Returns whom these names mean, if that can be done with all of them.
    ///
    /// # Errors
    /// As [`Self::named`]; also who cannot be started or stopped by hand, and why.
    pub fn changeable(&self, names: &[String], change: Change) -> Result<Vec<Id>, No> {
        let ids = self.named(names)?;
        let refused: Vec<String> = ids.iter().filter_map(|id| self.get(*id)?.refusal(change)).collect();
        if refused.is_empty() { Ok(ids) } else { Err(No::Refused(refused.join("; "))) }
    }
}

/// The main command's kind.
const MAIN: &str = "main";
/// Names in a hint.
const MOST_NAMED: usize = 10;

impl Entry {
    /// Returns whether it is left out in this mode.
    pub fn is_left_out(&self) -> bool {
        self.start == Start::Skipped
    }

    fn refusal(&self, change: Change) -> Option<String> {
        let name = &self.name;
        if self.kind == MAIN {
            let remedy = match change {
                Change::Start => "it lives as long as the container",
                Change::Stop => "the container ends with it: `stepdown shutdown`",
                Change::Restart => "the container ends with it: restart the container",
            };
            return Some(format!("`{name}` is the main command; {remedy}"));
        }
        match (self.start, change) {
            (Start::Skipped, Change::Start | Change::Restart) => {
                Some(format!("`{name}` is left out in this mode; start the container as root"))
            }
            (Start::AlreadyDone, _) => Some(format!(
                "`{name}` was done before the step down, and nobody is root any more; restart the container to run it again"
            )),
            (Start::Failed, Change::Start | Change::Restart) => Some(format!(
                "`{name}` failed before the step down, and nobody is root any more; restart the container to run it again"
            )),
            (Start::Wanted | Start::Down, _) | (Start::Skipped | Start::Failed, Change::Stop) => None,
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

    fn roll() -> Roll {
        Roll::new(&[
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
    fn every_unknown_name_is_told_with_what_was_meant() {
        assert_eq!(roll().named(&names(&["web", "db", "web", "main"])), Ok(vec![Id(1), Id(0), Id(5)]));
        assert_eq!(
            roll().named(&names(&["db", "wbe", "postgres"])),
            Err(No::Unknown(
                "there is no service `wbe`; did you mean `web`?; there is no service `postgres`; there are: db, web, \
                 migrate, gpu, chown, main"
                    .into()
            ))
        );
        assert_eq!(roll().named(&[]), Err(No::Unknown("no service is named".into())));
    }

    #[test]
    fn what_cannot_be_done_by_hand_is_refused_with_a_way_out() {
        for (name, change, word) in [
            ("main", Change::Stop, "stepdown shutdown"),
            ("main", Change::Restart, "restart the container"),
            ("main", Change::Start, "as long as the container"),
            ("migrate", Change::Start, "before the step down"),
            ("migrate", Change::Stop, "before the step down"),
            ("chown", Change::Restart, "before the step down"),
            ("gpu", Change::Start, "as root"),
        ] {
            let refused = roll().changeable(&names(&["db", name]), change);
            assert!(matches!(&refused, Err(No::Refused(why)) if why.contains(word)), "{name}: {refused:?}");
        }
        assert_eq!(roll().changeable(&names(&["gpu", "web"]), Change::Stop), Ok(vec![Id(3), Id(1)]));
    }

    #[test]
    fn the_main_command_is_after_everything() {
        let roll = roll();
        assert_eq!(roll.get(Id(5)).unwrap().after, [Id(0), Id(1), Id(2), Id(3), Id(4)]);
        assert_eq!(roll.present().count(), 6);
    }

    #[test]
    fn what_a_reload_has_taken_out_is_nobody_and_what_it_brought_is_somebody() {
        let mut roll = roll();
        // The reload's own places: db, web, mail; mail is new and got the next id.
        let ids = [Id(0), Id(1), Id(6)];
        let web = spec("web", &[0, 2], Start::Wanted);
        roll.put(Id(1), &web, &|place| ids[place]);
        roll.put(Id(6), &spec("mail", &[], Start::Wanted), &|place| ids[place]);
        roll.keep(&[Id(0), Id(1), Id(5), Id(6)]);
        roll.put_main_last();
        assert_eq!(roll.get(Id(1)).unwrap().requires, [Id(0), Id(6)]);
        assert_eq!(roll.named(&names(&["mail"])), Ok(vec![Id(6)]));
        assert!(roll.named(&names(&["gpu"])).is_err());
        assert_eq!((roll.name(Id(3)), &roll.get(Id(5)).unwrap().after[..]), ("gpu", &[Id(0), Id(1), Id(6)][..]));
    }
}
