//! [`ServiceEntry`]: a service with its plan, and how a [`Launch`] is laid out for its command or its finish script.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use nix::errno::Errno;

use super::environment::{self, Environment, Variables};
use super::shortcut;
use crate::boot::s6_layout::S6State;
use crate::config::container::LogFormat;
use crate::config::service::{Command, Limit, Service};
use crate::config::values::{Gid, ServiceName, Uid};
use crate::config::zone::Zone;
use crate::log::service_log::{FileRoute, LogRoute};
use crate::plan::{SHELL, ServicePlan, TrustedWriters};
use crate::supervise::{Exit, Pid, Role, SpawnError, SpawnStep};
use crate::sys::file_user::FileUser;
use crate::sys::process::environment_file::EnvironmentFile;
use crate::sys::process::environment_file::{self as file, SharedBytes};
use crate::sys::process::filter::{Filter, ProtectedProcess};
use crate::sys::process::launch::{Launch, Parent, Program, Session, c_path, c_string, c_strings};
use crate::sys::process::program;

/// The first argument to a finish script after a signal, as in s6.
const SIGNALLED: &str = "256";

/// One service, or the main command.
#[derive(Clone, Debug)]
pub struct ServiceEntry {
    /// As configured; shared with the configuration, as the plan is.
    pub service: Rc<Service>,
    /// As planned.
    pub plan: Rc<ServicePlan>,
    /// Variables of sd_notify (NOTIFY_SOCKET, WATCHDOG_USEC).
    pub notify_variables: Vec<(&'static str, OsString)>,
}

/// What all services of a stage share when they are started.
#[derive(Debug)]
pub struct LaunchContext {
    /// The container's environment.
    pub environment: Environment,
    /// What PID 1 is in this stage.
    pub parent: Parent,
    /// The state of s6-overlay, in an image made for it.
    pub s6: Option<S6State>,
    /// Supplementary groups of a service that has none of its own, where PID 1 does not have them itself (yet).
    pub groups: Option<Vec<Gid>>,
    /// File mode creation mask.
    pub umask: u32,
    /// Limits that PID 1 changed for itself and services must not see.
    pub limits: Vec<Limit>,
    /// How the main command gets a terminal; `None`: there is none, and its input is passed on.
    pub terminal: Option<Session>,
    /// How lines are written where a service does not say, decided: never `Auto`.
    pub log: LogFormat,
    /// The width of tags.
    pub tag_width: usize,
    /// The container's time zone.
    pub zone: Zone,
    /// Where the main command starts; `None`: where we are, the image's working directory. It is inherited rather than
    /// entered again: under another user that could be refused (`WORKDIR /root`).
    pub directory: Option<PathBuf>,
    /// What services may not change; `None`: `pid1_filter = false`.
    pub protected: Option<ProtectedProcess>,
}

/// Descriptors created for one start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Descriptors {
    /// `/dev/null` or what other services write, for everybody but the main command.
    pub input: Option<RawFd>,
    /// Write ends of log pipes.
    pub outputs: [Option<RawFd>; 2],
    /// The write end of the notification pipe and its number in the service.
    pub notify: Option<(RawFd, RawFd)>,
}

/// What is known of a service's `environment_file`.
#[derive(Clone, Debug)]
pub enum EnvironmentFileState {
    /// What its run has read, which its finish script and stop command use as well.
    Read(Rc<[u8]>),
    /// Nothing yet: the process that is started reads it, and puts a copy there.
    Unread(Option<Rc<SharedBytes>>),
}

impl ServiceEntry {
    /// Returns whether it is the main command: it may have the terminal, and starts in the image's working directory.
    pub fn is_main(&self) -> bool {
        self.plan.name.as_str() == ServiceName::MAIN
    }

    /// Returns where its lines go. A main command that has the terminal keeps it.
    pub fn route(&self, context: &LaunchContext) -> LogRoute {
        let log = &self.service.log;
        let name = self.plan.name.as_str();
        let tagged = || LogRoute::Tagged(format!("{name:width$}", width = context.tag_width).into());
        if let Some(to) = log.directory.clone() {
            let user = FileUser::from(&self.plan.credentials);
            let fallback = match context.log {
                LogFormat::Json => LogRoute::Json(name.into()),
                LogFormat::Auto | LogFormat::Inherit | LogFormat::Tagged => tagged(),
            };
            return LogRoute::Files(Box::new(FileRoute { name: name.into(), to: *to, user, fallback }));
        }
        if self.is_main() && context.terminal.is_some() {
            return LogRoute::Inherit;
        }
        let format = log.format.filter(|format| *format != LogFormat::Auto);
        match format.unwrap_or(context.log) {
            // While no session has the terminal, a service with it open could take it and insert input (SECURITY T20).
            LogFormat::Auto | LogFormat::Inherit if context.terminal == Some(Session::OwnWithTerminal) => {
                LogRoute::Plain
            }
            LogFormat::Auto | LogFormat::Inherit => LogRoute::Inherit,
            LogFormat::Tagged => tagged(),
            LogFormat::Json => LogRoute::Json(name.into()),
        }
    }

    /// Returns how its command is started.
    ///
    /// # Errors
    /// What [`Launch`] cannot hold (a NUL byte).
    pub fn command(
        &self,
        context: &LaunchContext,
        descriptors: Descriptors,
        file: EnvironmentFileState,
    ) -> Result<Launch, SpawnError> {
        // Whatever has more rights than the app user was judged with the program that it runs, and runs no other.
        let is_free = self.plan.file_writers == TrustedWriters::Anybody;
        let program = match &self.plan.program {
            // Not found before the boot: a path of one word would be one in the working directory (execvp(3) searches PATH
            // alone), and a program may have come since.
            word if !is_path(word) && is_free => Program::Search(c_path(word).map_err(nul)?),
            word if !is_path(word) => {
                let explanation = "there is no such program in PATH".to_owned();
                return Err(SpawnError { explanation, ..SpawnError::new(SpawnStep::Exec, Errno::ENOENT as i32) });
            }
            path => Program::Path(c_path(path).map_err(nul)?),
        };
        let command = (program, self.plan.argv.clone());
        let mut launch = self.launch(command, context, descriptors, file)?;
        if is_free && is_searched(&self.service.command) {
            launch.fallbacks = program::candidates_after(&self.plan.program, &launch.env);
        }
        Ok(launch)
    }

    /// Returns how its finish script is started: exit code (256 if signalled), signal number, name, process group
    /// (s6-supervise).
    ///
    /// # Errors
    /// As [`Self::command`]; also when it has none.
    pub fn finish(
        &self,
        (after, group): (Option<Exit>, Option<Pid>),
        context: &LaunchContext,
        descriptors: Descriptors,
        file: EnvironmentFileState,
    ) -> Result<Launch, SpawnError> {
        let (program, mut argv) = self.auxiliary_program(Role::Finish)?;
        let (code, signal) = match after {
            Some(Exit::Code(code)) => (code.to_string(), "0".to_owned()),
            Some(Exit::Signal(signal)) => (SIGNALLED.to_owned(), signal.number().to_string()),
            None => (SIGNALLED.to_owned(), "0".to_owned()),
        };
        let group = group.map_or_else(|| "0".to_owned(), |pid| pid.0.to_string());
        argv.extend([code, signal, self.plan.name.to_string(), group].map(OsString::from));
        self.launch((program, argv), context, descriptors, file)
    }

    /// Returns how its stop command is started.
    ///
    /// # Errors
    /// As [`Self::finish`].
    pub fn stop_command(
        &self,
        context: &LaunchContext,
        descriptors: Descriptors,
        file: EnvironmentFileState,
    ) -> Result<Launch, SpawnError> {
        self.launch(self.auxiliary_program(Role::StopCommand)?, context, descriptors, file)
    }

    /// Adds to an error its role, and the program, directory or file that it is about.
    pub fn explain(&self, role: Role, why: SpawnError) -> SpawnError {
        let object = match why.step {
            SpawnStep::Exec => Some(self.program(role).to_owned()),
            SpawnStep::Directory => Some(self.service.directory.clone().unwrap_or_else(|| "/".into())),
            SpawnStep::EnvironmentFile => self.service.environment_file.clone(),
            SpawnStep::FindService | SpawnStep::FindCommand | SpawnStep::NulByte | SpawnStep::AwaitFile => None,
            SpawnStep::Memory | SpawnStep::Pipe | SpawnStep::Socket | SpawnStep::NotifyFd => None,
            SpawnStep::BlockSignals | SpawnStep::Fork | SpawnStep::Session | SpawnStep::Descriptors => None,
            SpawnStep::Limits | SpawnStep::Nice | SpawnStep::Capabilities | SpawnStep::Groups => None,
            SpawnStep::Gid | SpawnStep::Uid | SpawnStep::NoNewPrivs | SpawnStep::Unknown => None,
        };
        SpawnError { role, object, ..why }
    }

    fn program(&self, role: Role) -> &Path {
        match self.auxiliary_command(role) {
            None => &self.plan.program,
            Some(Command::File(path)) => path,
            Some(Command::Script(_)) => Path::new(SHELL),
            Some(Command::Nothing) => Path::new(""),
            Some(Command::Argv(argv)) => Path::new(argv.first().map_or(OsStr::new(""), |it| it)),
        }
    }

    /// Returns the command of a role other than *run*.
    fn auxiliary_command(&self, role: Role) -> Option<&Command> {
        let service = &self.service;
        match role {
            Role::Run => None,
            Role::Finish => service.finish.as_ref().map(|finish| &finish.command),
            Role::StopCommand => service.stop_command.as_deref(),
        }
    }

    /// Returns the program and arguments of a role other than *run*.
    fn auxiliary_program(&self, role: Role) -> Result<(Program, Vec<OsString>), SpawnError> {
        let key = role.key();
        let missing = || SpawnError::new(SpawnStep::FindCommand, Errno::ENOENT as i32);
        let interpreted = self.plan.interpreted.get(key).map(|argv| Command::Argv(argv.clone()));
        match interpreted.as_ref().or(self.auxiliary_command(role)).ok_or_else(missing)? {
            Command::File(path) => Ok((Program::Path(c_path(path).map_err(nul)?), vec![path.clone().into()])),
            Command::Script(text) => {
                let shell = [SHELL, "-e", "-c", text, key].map(OsString::from);
                Ok((Program::Path(c_path(Path::new(SHELL)).map_err(nul)?), shell.into()))
            }
            Command::Nothing => Err(missing()),
            Command::Argv(argv) => {
                let name = argv.first().ok_or_else(missing)?;
                Ok((Program::Search(c_string(name).map_err(nul)?), argv.clone()))
            }
        }
    }

    /// Returns whether it has variables in a file.
    pub fn has_file(&self) -> bool {
        self.service.environment_file.is_some()
    }

    /// Returns everything that its command finds in its environment; `None` while its file is not read.
    pub fn environment(
        &self,
        context: &LaunchContext,
        file: &EnvironmentFileState,
    ) -> Option<BTreeMap<OsString, OsString>> {
        let variables = self.variables(context);
        match (self.service.environment_file.as_deref(), file) {
            (None, _) => Some(variables.with_file(Vec::new())),
            (Some(_), EnvironmentFileState::Read(bytes)) => Some(variables.with_file(file::variables(bytes))),
            (Some(_), EnvironmentFileState::Unread(_)) => None,
        }
    }

    fn variables(&self, context: &LaunchContext) -> Variables {
        let mut all = context.environment.of(&self.service, &self.plan);
        all.own.extend(self.notify_variables.iter().map(|(name, value)| (OsString::from(name), value.clone())));
        all
    }

    fn launch(
        &self,
        (program, argv): (Program, Vec<OsString>),
        context: &LaunchContext,
        descriptors: Descriptors,
        file: EnvironmentFileState,
    ) -> Result<Launch, SpawnError> {
        let service = &self.service;
        let Variables { inherited, own } = self.variables(context);
        let (env, file) = match (self.service.environment_file.as_deref(), file) {
            (Some(path), EnvironmentFileState::Unread(copy)) => {
                let writers = self.plan.file_writers;
                let file = EnvironmentFile { path: path.to_owned(), writers, before: inherited.len(), copy };
                let (inherited, own) = (environment::as_c_strings(&inherited), environment::as_c_strings(&own));
                ([inherited.map_err(nul)?, own.map_err(nul)?].concat(), Some(file))
            }
            (Some(_), EnvironmentFileState::Read(bytes)) => {
                let all = Variables { inherited, own }.with_file(file::variables(&bytes));
                (environment::as_c_strings(&all).map_err(nul)?, None)
            }
            (None, EnvironmentFileState::Read(_) | EnvironmentFileState::Unread(_)) => {
                let all = Variables { inherited, own }.with_file(Vec::new());
                (environment::as_c_strings(&all).map_err(nul)?, None)
            }
        };
        let directory = match self.is_main() {
            false => Some(context.service_directory(service)),
            true => context.directory.as_deref(),
        };
        let mut credentials = self.plan.credentials.clone();
        if credentials.groups.is_none() && credentials.uid != Uid::ROOT {
            credentials.groups.clone_from(&context.groups);
        }
        let limits: Vec<_> = context.limits.iter().chain(&service.limits).copied().collect();
        let [stdout, stderr] = descriptors.outputs;
        let reached = context.protected.filter(|it| it.is_reached_by(&credentials));
        let filter = reached.map(Filter::new);
        Ok(Launch {
            program,
            fallbacks: Vec::new(),
            argv: c_strings(&argv).map_err(nul)?,
            env,
            environment_file: file,
            shortcut: shortcut::of(service, &limits),
            directory: directory.map(c_path).transpose().map_err(nul)?,
            credentials,
            parent: context.parent,
            umask: service.umask.unwrap_or(context.umask),
            nice: service.nice,
            limits,
            session: context.terminal.filter(|_| self.is_main()).unwrap_or(Session::Own),
            tag: None,
            filter,
            stdio: [descriptors.input, stdout, stderr],
            notify: descriptors.notify,
        })
    }
}

impl LaunchContext {
    /// Returns the working directory of a service.
    fn service_directory<'a>(&'a self, service: &'a Service) -> &'a Path {
        let of_s6 = self.s6.as_ref().filter(|_| service.s6.is_some()).and_then(|s6| s6.directories.get(&service.name));
        of_s6.or(service.directory.as_ref()).map_or(Path::new("/"), PathBuf::as_path)
    }
}

fn is_path(program: &Path) -> bool {
    program.as_os_str().as_bytes().contains(&b'/')
}

/// Returns whether its program is named without a slash.
fn is_searched(command: &Command) -> bool {
    match command {
        Command::Argv(argv) => argv.first().is_some_and(|name| !is_path(Path::new(name))),
        Command::Script(_) | Command::File(_) | Command::Nothing => false,
    }
}

fn nul(_: std::ffi::NulError) -> SpawnError {
    SpawnError::new(SpawnStep::NulByte, Errno::EINVAL as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::CapSet;
    use crate::config::{self, Content, Sources, Tree};
    use crate::plan::inherited::Inherited;
    use crate::plan::{Credentials, Login, TrustedWriters};

    fn entry(toml: &str) -> ServiceEntry {
        let file = Content::File { bytes: toml.into(), executable: false };
        let tree = Tree { path: "/t".into(), entries: BTreeMap::from([("web.toml".into(), file)]), unreadable: None };
        let config = config::read(&Sources { trees: vec![tree], ..Sources::default() }).unwrap();
        let service = config.services[0].clone();
        let credentials =
            Credentials { uid: Uid(1), gid: Gid(1), groups: None, ambient: CapSet::EMPTY, no_new_privs: true };
        let plan = Rc::new(ServicePlan {
            name: service.name.clone(),
            credentials,
            program: "/usr/bin/web".into(),
            argv: vec!["web".into()],
            interpreted: BTreeMap::new(),
            login: Rc::new(Login { home: "/".into(), user: "app".into() }),
            skipped: None,
            held_back: Vec::new(),
            file_writers: TrustedWriters::Anybody,
            inherited: Inherited::All,
            secrets: Box::default(),
        });
        ServiceEntry { service, plan, notify_variables: Vec::new() }
    }

    #[test]
    fn a_failed_start_names_its_role_and_object() {
        let entry = entry(
            "command = [\"web\"]\nfinish = [\"/bin/cleanup\", \"-x\"]\ndirectory = \"/srv\"\nenvironment_file = \"/e\"",
        );
        let object = |role, step| entry.explain(role, SpawnError::new(step, 2)).object;
        assert_eq!(object(Role::Run, SpawnStep::Exec), Some("/usr/bin/web".into()));
        assert_eq!(object(Role::Finish, SpawnStep::Exec), Some("/bin/cleanup".into()));
        assert_eq!(object(Role::Finish, SpawnStep::Directory), Some("/srv".into()));
        assert_eq!(object(Role::Run, SpawnStep::EnvironmentFile), Some("/e".into()));
        assert_eq!(object(Role::Run, SpawnStep::Fork), None);
        assert_eq!(entry.explain(Role::Finish, SpawnError::new(SpawnStep::Exec, 2)).role, Role::Finish);
    }
}
