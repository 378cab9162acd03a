//! The variables that a service inherits from the container: all, or, if it has more rights than the app user, all except
//! those that could make it run code that others wrote. Must not know how a service is started.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::facts::{PathEntry, ProgramFact};
use super::notes::Notes;
use super::printable;
use super::runs_as::UserResolver;
use super::switch::RunsAs;
use super::trust_check::{TrustCheck, UntrustedWriter};
use crate::config::s6_overlay::S6Origin;
use crate::config::search_path::PathSource;
use crate::config::service::{Command, Service};
use crate::config::values::ServiceName;

pub use super::boot_plan::Inherited;

/// A PATH without programs: with an empty one a shell searches its working directory (POSIX, 8.3).
const EMPTY_PATH: &str = "/nonexistent";

/// Directories of PATH and variables that were removed for services, or passed on although they name code.
#[derive(Debug, Default)]
pub(super) struct RemovedVariables {
    /// Names of services, by the description of a directory and the fix.
    directories: BTreeMap<(String, String), Vec<String>>,
    /// Names of services, by the variables.
    variables: BTreeMap<Vec<String>, Vec<String>>,
    /// The same for services of s6-overlay, which get them.
    passed_on: BTreeMap<Vec<String>, Vec<String>>,
}

impl<'a> TrustCheck<'a> {
    /// Returns the variables that a service inherits from the container.
    pub(super) fn inherited(&self, service: &Service, runs: &RunsAs, removed: &mut RemovedVariables) -> Inherited {
        if self.extra_rights(service, runs).is_none() {
            return Inherited::All;
        }
        let name = format!("`{}`", service.name);
        let mut path = Vec::new();
        for entry in self.entries(service) {
            match self.unsafe_reason(entry, service, runs) {
                None => path.push(entry.path.as_os_str()),
                Some(_) if service.environment.contains_key("PATH") => {}
                Some(unsafe_directory) => {
                    removed.directories.entry(unsafe_directory.cause_and_fix(entry)).or_default().push(name.clone())
                }
            }
        }
        let path = if path.is_empty() { EMPTY_PATH.into() } else { path.join(OsStr::new(":")) };
        if service.inherits_variables(self.config.s6.as_ref()) {
            let declared = |variable: &&String| !service.environment.contains_key(*variable);
            let variables: Vec<_> = self.facts.variables.iter().filter(declared).cloned().collect();
            if !variables.is_empty() {
                // Scripts of s6-overlay read the same with `with-contenv`: an image whose programs need it must find it.
                let all = if service.s6.is_some() { &mut removed.passed_on } else { &mut removed.variables };
                all.entry(variables).or_default().push(name);
            }
        }
        Inherited::Safe { path }
    }

    /// Returns the PATH of scripts of an image made for s6-overlay; `None`: the container's.
    pub(super) fn path_of_scripts(&self, resolver: &UserResolver<'_>) -> Option<OsString> {
        let script = Service {
            user: self.config.container.drop.s6_user(),
            no_new_privileges: false,
            s6: Some(S6Origin::Script),
            ..Service::plain(ServiceName::new("script")?, Command::Nothing)
        };
        // What is noteworthy is noted for the services themselves.
        let runs = resolver.service(&script, &mut Notes::default());
        match self.inherited(&script, &runs, &mut RemovedVariables::default()) {
            Inherited::Safe { path } => Some(path),
            Inherited::All => None,
        }
    }

    /// Returns the result of looking up a program in the remaining directories; `None`: it is not looked up in them.
    pub(super) fn found(&self, service: &Service, runs: &RunsAs, key: &str, command: &Command) -> Option<ProgramFact> {
        let searched = matches!(command, Command::Argv(argv) if argv.first().is_some_and(|word| is_bare(word)));
        if !searched || service.environment.contains_key("PATH") || self.extra_rights(service, runs).is_none() {
            return None;
        }
        let all = self.facts.named.candidates.get(service.name.as_str())?.get(key)?;
        let open = all.iter().filter(|(at, _)| self.is_open(*at, service, runs));
        Some(ProgramFact::best(open.map(|(_, fact)| fact.clone())))
    }

    /// Returns whether the directory with that index in PATH is not removed for a service.
    pub(super) fn is_open(&self, at: usize, service: &Service, runs: &RunsAs) -> bool {
        self.entries(service).get(at).is_some_and(|entry| self.unsafe_reason(entry, service, runs).is_none())
    }

    /// Returns the directories in which programs of a service without its own PATH are searched.
    fn entries(&self, service: &Service) -> &'a [PathEntry] {
        let search = &self.facts.named.search;
        match service.path_source() {
            PathSource::Default => &search.default,
            PathSource::Declared(_) | PathSource::Container => &search.container,
        }
    }

    /// Returns why users other than root control a directory of PATH.
    pub(super) fn unsafe_reason(
        &self,
        entry: &'a PathEntry,
        service: &Service,
        runs: &RunsAs,
    ) -> Option<UnsafeDirectory<'a>> {
        // `/proc/self/cwd` is relative although it looks absolute.
        if !entry.path.is_absolute() || self.resolved(&entry.path).any(|place| place.starts_with("/proc")) {
            return Some(UnsafeDirectory::Relative);
        }
        let trust = self.trusted_writers_of(service, runs);
        let found = entry.file_owners.iter().find(|found| {
            // A user who may add a name to the last one controls what is found there, sticky or not.
            let last = found.path == entry.end;
            let allowed = if last { trust.allows_names(found) } else { trust.allows(found) };
            !allowed && !self.is_trusted_by_author(&found.path)
        });
        found
            .map(UntrustedWriter::Found)
            .or_else(|| self.given_away_to(&entry.path, service, runs))
            .map(UnsafeDirectory::Others)
    }
}

/// Why a directory of PATH is not searched.
pub(super) enum UnsafeDirectory<'a> {
    /// It depends on the working directory.
    Relative,
    /// Others than root control it.
    Others(UntrustedWriter<'a>),
}

impl UnsafeDirectory<'_> {
    /// Returns which directory it is, why, and the fix.
    pub(super) fn cause_and_fix(&self, entry: &PathEntry) -> (String, String) {
        let directory = printable::path(&entry.path);
        match self {
            Self::Relative => (
                format!("{directory} (relative to wherever a program stands)"),
                "write absolute paths into PATH".into(),
            ),
            Self::Others(writer) => {
                let place = printable::path(writer.path());
                let fix = format!(
                    "if everyone who can write there may have the same, write `trust = [\"{place}\"]` into \
                     /etc/stepdown.toml"
                );
                (format!("{directory} (users other than root decide what is found there: {writer})"), fix)
            }
        }
    }
}

fn is_bare(word: &OsStr) -> bool {
    !word.as_bytes().contains(&b'/')
}

impl RemovedVariables {
    /// Adds notices about what services with more rights than the app user do not get, one for all services with the same.
    pub(super) fn add_notices(self, notes: &mut Notes) {
        for ((directory, fix), services) in self.directories {
            notes.notice(format!("{}: PATH is without {directory}; {fix}", more_rights(&services)));
        }
        for (variables, services) in self.variables {
            let (subject, names) = (more_rights(&services), variables.join(", "));
            let first = variables.first().map(String::as_str).unwrap_or_default();
            notes.notice(format!(
                "{subject}: what can name code to run is not passed on from the container's environment ({names}); what is \
                 needed goes into the service's file: `environment = {{ {first} = \"…\" }}`",
            ));
        }
        for (variables, services) in self.passed_on {
            let (subject, names) = (more_rights(&services), variables.join(", "));
            notes.notice(format!(
                "{subject}, and {names} of the container's environment, as under s6-overlay: the app user must not be able \
                 to write what is named there",
            ));
        }
    }
}

fn more_rights(services: &[String]) -> String {
    format!("{} {} more rights than the app user", listed(services), if services.len() == 1 { "has" } else { "have" })
}

fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}
