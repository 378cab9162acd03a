//! How a reload is planned: the configuration is read again and checked as a whole; the loop gets the plan, or nothing changes.
//! A reload never needs more privilege than PID 1 has kept (DESIGN §3.4). Must not know what runs, or how it is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::config::s6_overlay::S6Origin;
use crate::config::service::Service;
use crate::config::values::ServiceName;
use crate::config::{self, Config, Sources, key_lines};
use crate::error::{Error, Place, Problem, Problems};
use crate::inspect::facts::NamedPaths;
use crate::inspect::source::{self, CheckedSources, ConfigPaths};
use crate::inspect::wire;
use crate::plan::checks::{self, BootState, Examination};
use crate::plan::facts::FileOwner;
use crate::plan::{self, BootPlan, DropLevel, S6Directory, S6DirectoryNames, ServicePlan};
use crate::run::boot_context::{BootContext, service_entries};
use crate::run::{Occasion, ReloadPlan, Reloader, ServiceEntry};
use crate::supervise::{Setup, Start};
use crate::text::shown;

/// What can only be done before the step down.
const RESTART: &str = "restart the container";

impl Reloader for BootContext {
    fn read_sources(&self, occasion: Occasion) -> Vec<u8> {
        let keeps = !self.plan.privilege.kept.is_empty() || self.plan.privilege.drop == DropLevel::StayRoot;
        let checked = match occasion {
            Occasion::Request => CheckedSources::All,
            Occasion::Scripts => CheckedSources::AllButTrees,
        };
        let writers = keeps.then(|| (self.plan.only_root_writes(&self.facts), checked));
        let sources = source::ReloadSources::read(&ConfigPaths::installed(), &self.given, writers);
        // The paths that the new configuration names are read here only, because any of them may hang. What is wrong with the
        // configuration is reported by PID 1.
        let config = self.configured(&self.sources(sources.clone()), occasion).ok();
        let named_paths = config.map(|config| NamedPaths::read(&config, &self.facts));
        let present_paths = match occasion {
            Occasion::Request => None,
            Occasion::Scripts => Some(NamedPaths::read(&self.config, &self.facts)),
        };
        wire::encode_message(&wire::Message { sources, named_paths, present_paths })
    }

    fn plan_reload(&mut self, read: &[u8]) -> Result<ReloadPlan, Error> {
        let wire::Message { sources, named_paths, .. } = wire::decode_message(read).ok_or_else(truncated)?;
        self.replanned(sources, named_paths, Occasion::Request)
    }

    fn plan_rereading(&mut self, read: Option<&[u8]>) -> (ReloadPlan, Option<Error>) {
        let Some(read) = read else { return (self.unread(), None) };
        let Some(wire::Message { sources, named_paths, present_paths }) = wire::decode_message(read) else {
            return (self.unread(), Some(truncated()));
        };
        match (self.replanned(sources, named_paths, Occasion::Scripts), present_paths) {
            (Ok(plan), _) => (plan, None),
            (Err(error), Some(paths)) => {
                let facts = self.with_facts_of_init_scripts(paths.with(&self.config, &self.facts), &self.config);
                let held_back = plan::held_back(&self.config, &facts);
                (self.as_it_is(held_back), Some(error))
            }
            (Err(error), None) => (self.unread(), Some(error)),
        }
    }

    fn examine(&self) -> Examination {
        checks::of_plan(&self.config, &self.facts, &self.plan, BootState::Done).after_boot()
    }
}

impl BootContext {
    fn sources(&self, read: source::ReloadSources) -> Sources {
        let (env, main) = (self.given.clone(), self.given_main.clone());
        let source::ReloadSources { container, trees, s6, .. } = read;
        self.with_init_scripts(Sources { env, container, trees, s6, main, open_to_all: false })
    }

    fn configured(&self, sources: &Sources, occasion: Occasion) -> Result<Config, Problems> {
        match occasion {
            Occasion::Request => config::read_after_hook(sources),
            Occasion::Scripts => config::read_after_scripts(sources),
        }
    }

    /// Plans with what was read, which is the configuration from now on.
    fn replanned(
        &mut self,
        read: source::ReloadSources,
        named_paths: Option<NamedPaths>,
        occasion: Occasion,
    ) -> Result<ReloadPlan, Error> {
        if !read.untrusted.is_empty() {
            let problems: Vec<_> = read.untrusted.into_iter().map(untrusted_file).collect();
            return Err(Error::Wrong(problems.into()));
        }
        let sources = self.sources(read);
        let mut config = self.configured(&sources, occasion).map_err(|problems| self.with_reader(problems))?;
        let facts = named_paths.ok_or_else(truncated)?.with(&config, &self.facts);
        let facts = self.with_facts_of_init_scripts(facts, &config);
        let plan = match occasion {
            Occasion::Request => plan::boot(&config, &facts),
            Occasion::Scripts => plan::boot_after_scripts(&config, &facts),
        };
        let mut plan = plan.map_err(|error| key_lines::placed(error, &sources))?;
        share_equal(&self.config.services, &mut config.services, |service| &service.name);
        share_equal(&self.plan.services, &mut plan.services, |plan| &plan.name);
        let Differences { changed, .. } = Differences::between((&self.config, &self.plan), (&config, &plan));
        let mut problems = Problems::default();
        self.check_privilege(&plan, &mut problems);
        self.check_prepare(&config, &plan, &changed, &mut problems);
        if !problems.is_empty() {
            return Err(Error::Wrong(problems));
        }
        Ok(self.reload_plan(config, plan, Some(&sources)))
    }

    /// Plans with the present configuration, of which these services are held back.
    fn as_it_is(&mut self, mut held_back: BTreeMap<ServiceName, Vec<Problem>>) -> ReloadPlan {
        let (config, mut plan) = (self.config.clone(), self.plan.clone());
        for service in &mut plan.services {
            let problems = held_back.remove(&service.name).unwrap_or_default();
            if service.held_back != problems {
                Rc::make_mut(service).held_back = problems;
            }
        }
        self.reload_plan(config, plan, None)
    }

    /// Plans with the present configuration where it is not known who could have written it by now.
    fn unread(&mut self) -> ReloadPlan {
        let have_more = self.plan.with_more_than_another(&self.config);
        let may_be = |service: &&Rc<Service>| self.config.may_hold_back(service) && have_more.contains(&service.name);
        let held_back = self.config.services.iter().filter(may_be).map(|service| {
            let what = "its definition could not be read again after the scripts of cont-init.d, which may have let others \
                        write what runs with more rights than theirs";
            (service.name.clone(), vec![Problem::new(service.at.clone(), what, "reload once it can be read")])
        });
        let held_back = held_back.collect();
        self.as_it_is(held_back)
    }

    /// Returns what is different with this configuration and plan, which are the present ones from now on. `sources`: what the
    /// configuration was read from, if it was read again.
    fn reload_plan(&mut self, config: Config, plan: BootPlan, sources: Option<&Sources>) -> ReloadPlan {
        let Differences { changed, reordered } = Differences::between((&self.config, &self.plan), (&config, &plan));
        let mut notices = self.new_notices(&plan);
        if config.container != self.config.container {
            notices.push(format!(
                "what changed in {} and in variables holds from the next start on: {RESTART}",
                shown(&ConfigPaths::installed().container_file)
            ));
        }
        let names =
            |config: &Config| config.services.iter().map(|it| it.name.clone()).collect::<BTreeSet<ServiceName>>();
        let (old, new) = (names(&self.config), names(&config));
        // Files of a directory may have changed that are no part of its definition, before its service was started.
        let is_linked_anew = |service: &&Rc<Service>| {
            let is_legacy = matches!(service.s6, Some(S6Origin::Legacy(_)));
            is_legacy || changed.contains(&service.name) || !old.contains(&service.name)
        };
        let s6_directories = sources.into_iter().flat_map(|sources| {
            config.services.iter().filter(is_linked_anew).filter_map(|service| {
                let directory = S6Directory::of(service, &config.services)?;
                let names = sources.names_in(&directory.definition).map(|own| S6DirectoryNames {
                    own,
                    log: sources.names_in(&directory.definition.join("log")).unwrap_or_default(),
                });
                Some(S6Directory { names, ..directory })
            })
        });
        let reload_plan = ReloadPlan {
            setup: self.setup(&config, &plan, &changed),
            s6_directories: s6_directories.collect(),
            entries: new_or_changed(service_entries(&config.services, None, &plan), &old, &changed),
            new: new.difference(&old).cloned().collect(),
            gone: old.difference(&new).cloned().collect(),
            changed,
            reordered,
            notices,
        };
        let container = std::mem::replace(&mut self.config, config).container;
        self.config.container = container;
        self.plan.services = plan.services;
        self.plan.notices = plan.notices;
        reload_plan
    }

    fn setup(&self, config: &Config, plan: &BootPlan, changed: &BTreeSet<ServiceName>) -> Setup {
        let skipped = plan.services.iter().filter(|plan| plan.skipped.is_some()).map(|plan| plan.name.clone());
        let skipped = skipped.collect();
        let stop_timeout = self.config.container.stop_timeout;
        // A oneshot of *prepare* that has changed has not been done in its new form.
        let done = self.done.difference(changed).cloned().collect();
        let mut setup = Setup::new(&config.services, &done, &skipped, None, stop_timeout)
            .with_overlay(&config.services, config.s6.as_ref());
        let prepare_failed = |name: &ServiceName| self.prepare_failed.contains(name) && !changed.contains(name);
        for spec in setup.specs.iter_mut().filter(|spec| prepare_failed(&spec.name)) {
            spec.start = Start::Failed;
        }
        setup.with_held_back(&plan.held_back(), config.s6.as_ref()).with_rereading(&config.services, config.s6.as_ref())
    }

    /// Adds to problems of reading which user reads now: root could read at the boot.
    fn with_reader(&self, problems: Problems) -> Problems {
        let app = &self.plan.identity;
        match self.plan.privilege.drop {
            DropLevel::ToApp => {
                let who = format!("{} ({}:{})", shown(&app.name), app.uid, app.gid);
                problems.read_by(&format!("{who}, which PID 1 has become"))
            }
            DropLevel::StayRoot | DropLevel::AlreadyUser | DropLevel::LimitedRoot => problems,
        }
    }

    /// Returns what a boot with this plan would log and this one did not.
    fn new_notices(&self, plan: &BootPlan) -> Vec<String> {
        let skipped = |plan: &BootPlan| -> Vec<String> {
            let skipped = plan.services.iter().filter_map(|it| Some((&it.name, it.skipped.as_ref()?)));
            skipped.map(|(name, why)| format!("`{name}` is skipped: {}; {}", why.cause, why.fix)).collect()
        };
        let notices = |plan: &BootPlan| plan.notices.iter().map(ToString::to_string).collect();
        let all = |plan: &BootPlan| -> Vec<String> { [skipped(plan), notices(plan)].concat() };
        let before = all(&self.plan);
        all(plan).into_iter().filter(|notice| !before.contains(notice)).collect()
    }

    fn check_privilege(&self, plan: &BootPlan, problems: &mut Problems) {
        let (have, need) = (&self.plan.privilege, &plan.privilege);
        let enough = have.drop == DropLevel::StayRoot
            || (have.drop == need.drop
                && need.kept.minus(have.kept).is_empty()
                && (need.no_new_privs || !have.no_new_privs));
        if !enough {
            let reasons =
                if need.reasons.is_empty() { String::new() } else { format!(" ({})", need.reasons.join("; ")) };
            let what = format!("needs more privilege than PID 1 has kept{reasons}");
            problems.push(Problem::new(Place::Machine, what, RESTART));
        }
        if plan.identity != self.plan.identity {
            problems.push(Problem::new(Place::Machine, "the app user would be another one", RESTART));
        }
    }

    fn check_prepare(
        &self,
        config: &Config,
        plan: &BootPlan,
        changed: &BTreeSet<ServiceName>,
        problems: &mut Problems,
    ) {
        let known = |name: &ServiceName| self.done.contains(name) || self.prepare_failed.contains(name);
        for name in plan.prepare.iter().filter(|name| !known(name) || changed.contains(*name)) {
            let at = config.services.iter().find(|service| service.name == *name).map(|service| service.at.clone());
            let what = format!("`{name}` runs as root before the step down, which is over");
            problems.push(Problem::new(at.unwrap_or(Place::Machine), what, RESTART));
        }
    }
}

fn untrusted_file(found: FileOwner) -> Problem {
    Problem::new(
        Place::file(found.path),
        "users other than root can write it, and PID 1 keeps privilege: it is not read again",
        format!("make it root's alone (chown root, chmod go-w), or {RESTART}"),
    )
}

fn truncated() -> Error {
    wrong(Problem::new(Place::Machine, "the process that reads the configuration has ended early", "reload again"))
}

fn wrong(problem: Problem) -> Error {
    let mut problems = Problems::default();
    problems.push(problem);
    Error::Wrong(problems)
}

/// Returns the entries that are new or changed.
fn new_or_changed(
    all: Vec<ServiceEntry>,
    old: &BTreeSet<ServiceName>,
    changed: &BTreeSet<ServiceName>,
) -> Vec<ServiceEntry> {
    let is = |name: &ServiceName| !old.contains(name) || changed.contains(name);
    all.into_iter().filter(|entry| is(&entry.plan.name)).collect()
}

/// Replaces what is as before by what was before, which the loop has: a definition is kept once.
fn share_equal<T: Eq>(before: &[Rc<T>], now: &mut [Rc<T>], name: impl Fn(&T) -> &ServiceName) {
    let before: BTreeMap<&ServiceName, &Rc<T>> = before.iter().map(|it| (name(it), it)).collect();
    for it in now {
        if let Some(same) = before.get(name(it)).filter(|before| **before == it) {
            *it = Rc::clone(same);
        }
    }
}

/// The services that two configurations have and that differ.
struct Differences {
    /// Those that are stopped and started again.
    changed: BTreeSet<ServiceName>,
    /// Those of which only `requires` and `after` differ.
    reordered: BTreeSet<ServiceName>,
}

impl Differences {
    /// Returns them. A script of `cont-init.d` runs once, whatever becomes of it.
    fn between(old: (&Config, &BootPlan), new: (&Config, &BootPlan)) -> Self {
        fn plans(plan: &BootPlan) -> BTreeMap<&ServiceName, &Rc<ServicePlan>> {
            plan.services.iter().map(|it| (&it.name, it)).collect()
        }
        let before: BTreeMap<&ServiceName, &Rc<Service>> = old.0.services.iter().map(|it| (&it.name, it)).collect();
        let (old_plans, new_plans) = (plans(old.1), plans(new.1));
        let (mut changed, mut reordered) = (BTreeSet::new(), BTreeSet::new());
        for service in new.0.services.iter().filter(|service| !service.is_init_script()) {
            let Some(before) = before.get(&service.name) else { continue };
            let has_same_plan = old_plans.get(&service.name) == new_plans.get(&service.name);
            if *before == service && has_same_plan {
                continue;
            }
            let Service { at, requires, after, .. } = Service::clone(before);
            let is_same = ***before == Service { at, requires, after, ..Service::clone(service) };
            if !is_same || !has_same_plan {
                changed.insert(service.name.clone());
            } else if (&before.requires, &before.after) != (&service.requires, &service.after) {
                reordered.insert(service.name.clone());
            }
        }
        Self { changed, reordered }
    }
}
