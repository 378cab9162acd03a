//! [`AccessRequirement`]: which user needs which access to which path. Made from the plan; must not know the observations.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::config::service::Service;
use crate::config::values::{Gid, Uid};
use crate::plan::facts::{Facts, PathFact, PathKind, ProgramFact};
use crate::plan::finding::{Area, Check, Issue};
use crate::plan::{BootPlan, Credentials, Decision, DropLevel, Owner, ServicePlan, Step, printable};
use crate::text::shown;

/// Whether the boot has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootState {
    /// It has not.
    Planned,
    /// It has.
    Done,
}

/// An access that the container needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRequirement {
    /// What the path is to the container.
    pub purpose: Purpose,
    /// The path.
    pub path: PathBuf,
    /// The user.
    pub who: ProbedUser,
    /// The kind of access.
    pub want: AccessKind,
    /// Whether the tree below is needed too.
    pub recursive: bool,
    /// Whether it may be missing.
    pub optional: bool,
    /// What the boot does with the path.
    pub at_boot: BootAction,
    /// Whether the container or a service does not start without it.
    pub fatal: bool,
}

/// What a path is to the container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// A directory or file that is declared under `[[own]]`, or created by the boot.
    Declared,
    /// HOME of the app user.
    Home,
    /// A declared device.
    Device,
    /// A secret that the engine mounted.
    Secret,
    /// The program of this service.
    Program(String),
    /// What this service needs to start: its working directory, its `environment_file`.
    StartOf(String),
}

/// A user, with all groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbedUser {
    /// `app`
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// All groups.
    pub groups: Vec<u32>,
}

/// A kind of access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccessKind {
    /// Read and write it (and search it, a directory).
    Use,
    /// Enter the directory.
    Enter,
    /// Read it.
    Read,
    /// Execute it.
    Execute,
    /// Read and write a device or a socket.
    Device,
}

/// What the boot does, or did, with a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BootAction {
    /// Nothing.
    None,
    /// Its owner is changed to this user and group.
    GivenTo(u32, u32),
    /// It is created for this user and group.
    Created(u32, u32),
    /// Its step was skipped.
    Skipped(Issue),
}

/// The directory of secrets of Compose and Swarm (`secrets:`).
pub const SECRETS: &str = "/run/secrets";

impl AccessRequirement {
    /// Returns the requirement that this user can read a secret: without root it cannot be copied for the user.
    pub fn of_secret(path: &Path, who: &ProbedUser) -> Self {
        requirement(Purpose::Secret, path, who.clone(), AccessKind::Read)
    }
}

impl ProbedUser {
    /// Returns `app (1000:1000)`.
    pub fn shown(&self) -> String {
        format!("{} ({}:{})", shown(&self.name), self.uid, self.gid)
    }
}

/// Builds the requirements from a plan.
pub(super) struct RequirementBuilder<'a> {
    pub config: &'a Config,
    pub facts: &'a Facts,
    pub plan: &'a BootPlan,
    pub state: BootState,
}

impl RequirementBuilder<'_> {
    /// Returns the app user.
    pub(super) fn app(&self) -> ProbedUser {
        let app = &self.plan.identity;
        ProbedUser { name: app.name.clone(), uid: app.uid.0, gid: app.gid.0, groups: numbers(&app.groups) }
    }

    /// Returns the user of a service.
    pub(super) fn service(&self, how: &ServicePlan) -> ProbedUser {
        let Credentials { uid, gid, groups, .. } = &how.credentials;
        let groups = groups.as_ref().map_or_else(|| self.groups_of_pid_one(*uid), |groups| numbers(groups));
        ProbedUser { name: how.login.user.clone(), uid: uid.0, gid: gid.0, groups }
    }

    fn groups_of_pid_one(&self, uid: Uid) -> Vec<u32> {
        let app = &self.plan.identity;
        if uid == app.uid { numbers(&app.groups) } else { numbers(&self.facts.groups) }
    }

    /// Returns the user of a path, by its wanted owner.
    fn owner(&self, owner: Owner) -> ProbedUser {
        let app = self.app();
        if owner.uid.0 == app.uid {
            return app;
        }
        let other = self.plan.services.iter().find(|how| how.credentials.uid == owner.uid);
        let alone = || ProbedUser { name: "uid".into(), uid: owner.uid.0, gid: owner.gid.0, groups: vec![owner.gid.0] };
        other.map_or_else(alone, |how| self.service(how))
    }

    /// Returns the requirements, and checks that need no observation.
    pub(super) fn build(&self) -> (Vec<AccessRequirement>, Vec<Check>) {
        let (mut requirements, mut checks) = (Vec::new(), Vec::new());
        self.of_steps(&mut requirements, &mut checks);
        self.of_home(&mut requirements);
        self.of_devices(&mut requirements, &mut checks);
        for (service, how) in self.config.services.iter().zip(&self.plan.services) {
            match how.skipped.as_deref() {
                Some(why) => checks.push(Check::degraded(Area::Service, tick(service), why.clone())),
                None => self.of_service(service, how, &mut requirements),
            }
        }
        // A running main command is not started again.
        let main = self.config.main_service().filter(|_| self.state == BootState::Planned);
        if let Some((service, how)) = main.as_ref().zip(self.plan.main.as_ref()) {
            self.of_service(service, how, &mut requirements);
        }
        // Paths are sent as text.
        requirements.retain(|requirement| requirement.path.to_str().is_some());
        (requirements, checks)
    }

    fn of_steps(&self, requirements: &mut Vec<AccessRequirement>, checks: &mut Vec<Check>) {
        for planned in &self.plan.steps {
            let (path, owner, made) = match &planned.step {
                Step::MakeDirectory(make) => (&make.path, make.owner, true),
                Step::Own(own) => (&own.path, own.owner, false),
                Step::BecomeSubreaper
                | Step::WriteAccounts { .. }
                | Step::RuntimeDirectory { .. }
                | Step::ReadSecret(_)
                | Step::S6Layout(_)
                | Step::SetStdioAccess { .. } => continue,
            };
            let declared = self.config.container.own.iter().find(|own| own.path == *path);
            let (uid, gid) = (owner.uid.0, owner.gid.0);
            let at_boot = match &planned.decision {
                Decision::AlreadyDone(_) => BootAction::None,
                Decision::Perform if made || matches!(self.facts.paths.get(path), Some(PathFact::Missing(_))) => {
                    BootAction::Created(uid, gid)
                }
                Decision::Perform => BootAction::GivenTo(uid, gid),
                Decision::Skip(why) => BootAction::Skipped(why.clone()),
            };
            let who = self.owner(owner);
            if self.plan.privilege.drop == DropLevel::AlreadyUser && who.uid != self.app().uid {
                // Not for our user, and we cannot check for another one.
                match &planned.decision {
                    Decision::Skip(why) => checks.push(Check::degraded(Area::Path, printable::path(path), why.clone())),
                    Decision::Perform | Decision::AlreadyDone(_) => {
                        checks.push(Check::ok(Area::Path, printable::path(path), format!("{uid}:{gid}'s")))
                    }
                }
                continue;
            }
            requirements.push(AccessRequirement {
                purpose: Purpose::Declared,
                path: path.clone(),
                who,
                want: AccessKind::Use,
                recursive: declared.is_some_and(|own| own.options.recursive && own.options.exclude.is_empty()),
                optional: declared.is_some_and(|own| own.options.optional),
                at_boot,
                fatal: declared.is_some_and(|own| own.options.required),
            });
        }
    }

    fn of_home(&self, requirements: &mut Vec<AccessRequirement>) {
        let Some(home) = &self.config.container.app.home else { return };
        if requirements.iter().any(|requirement| requirement.path == *home) {
            return;
        }
        requirements.push(requirement(Purpose::Home, home, self.app(), AccessKind::Use));
    }

    fn of_devices(&self, requirements: &mut Vec<AccessRequirement>, checks: &mut Vec<Check>) {
        for declared in &self.config.container.app.device_groups {
            let below = self.facts.paths.range(declared.clone()..).take_while(|(path, _)| path.starts_with(declared));
            let mut any = false;
            for (path, fact) in below {
                match fact {
                    PathFact::Found { kind: PathKind::Other | PathKind::File, .. } => {
                        any = true;
                        requirements.push(requirement(Purpose::Device, path, self.app(), AccessKind::Device));
                    }
                    PathFact::Found { kind: PathKind::Directory | PathKind::Link, .. } => any = true,
                    PathFact::Missing(_) | PathFact::Unknown(_) => {}
                }
            }
            if !any {
                let path = printable::path(declared);
                let note = format!("not there; if it should be: `--device {path}` (compose: `devices: [{path}]`)");
                checks.push(Check::ok(Area::Device, path, note));
            }
        }
    }

    fn of_service(&self, service: &Service, how: &ServicePlan, requirements: &mut Vec<AccessRequirement>) {
        let who = self.service(how);
        let name = service.name.to_string();
        let mut serious = |purpose, path: &Path, want| {
            requirements.push(AccessRequirement { fatal: true, ..requirement(purpose, path, who.clone(), want) });
        };
        let fact = self.facts.named.programs.get(service.name.as_str());
        // Problems of the program itself are reported as problems of its file.
        let is_sound = matches!(fact, Some(ProgramFact::Found(_) | ProgramFact::Unknown(_)) | None);
        if how.program.is_absolute() && is_sound {
            serious(Purpose::Program(name.clone()), &how.program, AccessKind::Execute);
        }
        if let Some(directory) = &service.directory {
            serious(Purpose::StartOf(name.clone()), directory, AccessKind::Enter);
        }
        // Read before the start, with the service's rights.
        if let Some(file) = &service.environment_file {
            serious(Purpose::StartOf(name), file, AccessKind::Read);
        }
    }
}

fn requirement(purpose: Purpose, path: &Path, who: ProbedUser, want: AccessKind) -> AccessRequirement {
    AccessRequirement {
        purpose,
        path: path.to_owned(),
        who,
        want,
        recursive: false,
        optional: false,
        at_boot: BootAction::None,
        fatal: false,
    }
}

fn numbers(gids: &[Gid]) -> Vec<u32> {
    gids.iter().map(|gid| gid.0).collect()
}

/// Returns a service's name in backticks.
pub(super) fn tick(service: &Service) -> String {
    format!("`{}`", service.name)
}
