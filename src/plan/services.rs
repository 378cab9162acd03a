//! [`ServicePlan`]: each service and the main command with everything resolved. Must not know the order of anything.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::exec_failure::{ExecFailure, INSTALL_LINKS};
use super::exec_rights::Executor;
use super::facts::{Facts, ProgramFact};
use super::finding::{Area, Issue};
use super::inherited::{Inherited, RemovedVariables};
use super::lint;
use super::notes::{MainFault, Notes};
use super::restricted_scripts::LookedUp;
use super::switch::{RunsAs, SwitchAbility};
use super::trust_check::TrustCheck;
use super::{BootPlan, Credentials, DropLevel, Identity, Login, Privilege, ServicePlan, printable};
use crate::config::container::Secret;
use crate::config::service::{Command, RunAs, Service};
use crate::config::values::{CapSet, Capability, ServiceName, Uid};
use crate::config::{line_endings, s6};
use crate::error::{EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, FileCommand, ImageCommand, ProblemFix};

/// The shell of scripts (DESIGN §4: `/bin/sh -e`).
pub const SHELL: &str = "/bin/sh";

/// The inputs for all services.
pub(super) struct ServiceInputs<'a> {
    pub facts: &'a Facts,
    pub identity: &'a Identity,
    pub switch_ability: SwitchAbility,
    pub privilege: &'a Privilege,
    pub trust: &'a TrustCheck<'a>,
    /// The app user's.
    pub app_login: &'a Rc<Login>,
}

impl ServiceInputs<'_> {
    /// Returns the login of a user: one value for all services of the app user.
    fn login(&self, home: PathBuf, user: String) -> Rc<Login> {
        let login = Login { home, user };
        if login == **self.app_login { Rc::clone(self.app_login) } else { Rc::new(login) }
    }
}

/// Whether a service runs before the drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunStage {
    Prepare,
    Serve,
}

/// Returns how the service is run. A program that cannot be executed is a problem, unless the service is skipped.
pub(super) fn plan(
    common: &ServiceInputs<'_>,
    service: &Service,
    runs: RunsAs,
    when: RunStage,
    (notes, removed): (&mut Notes, &mut RemovedVariables),
) -> ServicePlan {
    let executor = executor(common, Some(service), &runs);
    let fact = fact(common, service, &runs, "", &service.command);
    let program = executor.executed("", &service.command, fact, notes);
    if runs.skipped.is_none() {
        let LookedUp { command, fact, .. } = &program;
        check_program(common, service, ServiceProgram { key: "", command, fact: fact.as_ref() }, notes);
        executor.check("", command, fact.as_ref(), notes);
    }
    let interpreted = plan_auxiliary(common, service, &executor, notes);
    let plan = service_plan(common, service, runs, (when, &program), removed);
    ServicePlan { interpreted, ..plan }
}

/// Checks the other programs. Returns the arguments of those that are run by their interpreters.
fn plan_auxiliary(
    common: &ServiceInputs<'_>,
    service: &Service,
    executor: &Executor<'_>,
    notes: &mut Notes,
) -> BTreeMap<&'static str, Vec<OsString>> {
    let mut interpreted = BTreeMap::new();
    for (key, command) in service.auxiliary_commands() {
        if executor.runs.skipped.is_some() {
            continue;
        }
        let fact = fact(common, service, executor.runs, key, &command);
        let LookedUp { command, fact, is_interpreter } = executor.executed(key, &command, fact, notes);
        check_program(common, service, ServiceProgram { key, command: &command, fact: fact.as_ref() }, notes);
        executor.check(key, &command, fact.as_ref(), notes);
        if let (true, Command::Argv(argv)) = (is_interpreter, command) {
            interpreted.insert(key, argv);
        }
    }
    interpreted
}

/// Returns the result of looking up a program in this service's PATH.
fn fact(
    common: &ServiceInputs<'_>,
    service: &Service,
    runs: &RunsAs,
    key: &str,
    command: &Command,
) -> Option<ProgramFact> {
    let trust = common.trust;
    trust.found(service, runs, key, command).or_else(|| trust.fact(service, key).cloned())
}

/// Returns how the main command is run. If its program is missing the path stays as given, so that starting it ends with
/// 127 or 126, as from a shell.
pub(super) fn main(
    common: &ServiceInputs<'_>,
    service: &Service,
    runs: RunsAs,
    (notes, removed): (&mut Notes, &mut RemovedVariables),
) -> ServicePlan {
    let fact = fact(common, service, &runs, "", &service.command);
    notes.main_fault(main_fault(&service.command, fact.as_ref()));
    foreign(ServiceName::MAIN, fact.as_ref(), notes);
    let executor = executor(common, None, &runs);
    executor.check("", &service.command, fact.as_ref(), notes);
    plan_auxiliary(common, service, &executor, notes);
    let runs = RunsAs { skipped: None, ..runs };
    let program = LookedUp { command: service.command.clone(), fact, is_interpreter: false };
    service_plan(common, service, runs, (RunStage::Serve, &program), removed)
}

/// Returns the plan of a service whose program and user are known.
fn service_plan(
    common: &ServiceInputs<'_>,
    service: &Service,
    runs: RunsAs,
    (when, LookedUp { command, fact, .. }): (RunStage, &LookedUp),
    removed: &mut RemovedVariables,
) -> ServicePlan {
    ServicePlan {
        name: service.name.clone(),
        credentials: credentials(common, &runs, service.capabilities, service.no_new_privileges, when),
        program: program(fact.as_ref(), command_path(command)),
        argv: argv(command, &service.name),
        interpreted: BTreeMap::new(),
        file_writers: common.trust.trusted_writers_of(service, &runs),
        inherited: common.trust.inherited(service, &runs, removed),
        secrets: secrets(&common.trust.config.container.secrets, service),
        login: common.login(runs.home, runs.user),
        skipped: runs.skipped.map(Box::new),
        held_back: Vec::new(),
    }
}

/// Returns the secrets that a service gets: those that it asks for; else, if it is the app user's or gets the container's
/// environment from s6-overlay, those that the environment alone names.
fn secrets(all: &[Secret], service: &Service) -> Box<[String]> {
    // With `S6_KEEP_ENV` the scripts of an image have asked for every variable, whoever they run as.
    let by_default = !service.clear_environment && (service.user == RunAs::App || service.s6.is_some());
    let gets = |secret: &&Secret| match &service.secrets {
        Some(requested) => requested.contains(&secret.name),
        None => by_default && !secret.is_listed,
    };
    all.iter().filter(gets).map(|secret| secret.name.clone()).collect()
}

fn command_path(command: &Command) -> &Path {
    match command {
        Command::Argv(argv) => Path::new(argv.first().map_or(OsStr::new(""), OsString::as_os_str)),
        Command::Script(_) => Path::new(SHELL),
        Command::File(path) => path,
        Command::Nothing => Path::new(""),
    }
}

fn argv(command: &Command, name: &ServiceName) -> Vec<OsString> {
    match command {
        Command::Argv(argv) => argv.clone(),
        Command::Script(script) => [SHELL, "-e", "-c", script].map(OsString::from).to_vec(),
        Command::File(path) => vec![path.as_os_str().to_owned(), OsString::from(name.as_str())],
        Command::Nothing => Vec::new(),
    }
}

fn program(fact: Option<&ProgramFact>, given: &Path) -> PathBuf {
    match fact {
        Some(
            ProgramFact::Found(path)
            | ProgramFact::NotExecutable(path)
            | ProgramFact::NoExec(path)
            | ProgramFact::Unknown(path)
            | ProgramFact::NoInterpreter { program: path, .. }
            | ProgramFact::Refused { program: path, .. },
        ) => path.clone(),
        Some(ProgramFact::NotFound) | None => given.to_owned(),
    }
}

/// One of a service's programs.
struct ServiceProgram<'a> {
    /// Its key; empty for the command.
    key: &'static str,
    command: &'a Command,
    /// The result of looking it up.
    fact: Option<&'a ProgramFact>,
}

fn check_program(common: &ServiceInputs<'_>, service: &Service, part: ServiceProgram<'_>, notes: &mut Notes) {
    let ServiceProgram { key, command, fact } = part;
    if let Some((what, mut fix)) = fault(command, fact) {
        let at = s6::file_of(service, key);
        let is_word = || command_path(command).to_str().is_some_and(s6::is_word_of_execline);
        if fact == Some(&ProgramFact::NotFound) && s6::is_execline(&at, command) && is_word() {
            INSTALL_LINKS.clone_into(&mut fix);
        }
        if let (Some(ProgramFact::NotFound), Command::Argv(argv), None) = (fact, command, &service.s6) {
            let key = if key.is_empty() { "command" } else { key };
            lint::instead_of_program(key, argv).into_iter().for_each(|line| fix = line);
        }
        let instead = s6::instead(service, key, common.trust.config.s6.as_ref());
        let is_named = key.is_empty() || at != service.at;
        let what = if is_named { format!("{what}{instead}") } else { format!("`{key}`: {what}{instead}") };
        let keys: &[_] = if key.is_empty() { &["command", "script"] } else { &[key] };
        notes.problem_of(keys, &at, what, file_fix(fact).unwrap_or_else(|| fix.into()));
    }
    foreign(service.name.as_str(), fact, notes);
}

/// Returns the executor of the programs of a service, or of the main command.
fn executor<'a>(common: &ServiceInputs<'a>, service: Option<&'a Service>, runs: &'a RunsAs) -> Executor<'a> {
    Executor { config: common.trust.config, facts: common.facts, switch_ability: common.switch_ability, service, runs }
}

/// Returns why the main command cannot be executed, with a shell's exit code: before anything was done or started.
/// `None` if oneshots may provide it before.
pub fn main_is_missing(plan: &BootPlan, facts: &Facts) -> Option<(String, u8)> {
    missing(plan.main.as_ref().filter(|_| plan.prepare.is_empty())?, facts)
}

/// The same after those oneshots, for a main command with more rights than the app user: files that appear later come from
/// the app user's services.
pub fn main_is_still_missing(plan: &BootPlan, facts: &Facts) -> Option<(String, u8)> {
    missing(plan.main.as_ref().filter(|main| main.inherited != Inherited::All)?, facts)
}

fn missing(main: &ServicePlan, facts: &Facts) -> Option<(String, u8)> {
    let fact = facts.named.programs.get(ServiceName::MAIN);
    let command = Command::Argv(main.argv.clone());
    let MainFault { what, fix, code } = main_fault(&command, fact)?;
    let what = match fact == Some(&ProgramFact::NotFound) && !is_flag(&command) {
        true => what,
        false => format!("{what}; {fix}"),
    };
    Some((what, code))
}

fn main_fault(command: &Command, fact: Option<&ProgramFact>) -> Option<MainFault> {
    let (what, fix) = fault(command, fact)?;
    let fix = match is_flag(command) {
        true => flag_for_program(&printable::path(command_path(command))),
        false => fix,
    };
    Some(MainFault { what, fix, code: exit_code(fact) })
}

fn is_flag(command: &Command) -> bool {
    command_path(command).as_os_str().as_encoded_bytes().starts_with(b"-")
}

/// A shell's exit code for a command that it cannot execute.
fn exit_code(fact: Option<&ProgramFact>) -> u8 {
    match fact {
        Some(ProgramFact::NotExecutable(_) | ProgramFact::NoExec(_) | ProgramFact::Refused { .. }) => {
            EXIT_NOT_EXECUTABLE
        }
        Some(
            ProgramFact::NotFound | ProgramFact::NoInterpreter { .. } | ProgramFact::Found(_) | ProgramFact::Unknown(_),
        )
        | None => EXIT_NOT_FOUND,
    }
}

/// Returns what is wrong with a program, and what to write instead.
fn fault(command: &Command, fact: Option<&ProgramFact>) -> Option<(String, String)> {
    let wanted = printable::path(command_path(command));
    Some(match (fact, command) {
        (_, Command::Nothing) => return None,
        (Some(ProgramFact::NotFound), Command::Script(_)) => (
            format!("cannot run `script`: there is no {SHELL} in this image"),
            "write `command = [\"/path/to/program\", …]` instead".to_owned(),
        ),
        (Some(ProgramFact::NotFound), Command::Argv(_) | Command::File(_)) => {
            let whereabouts = if wanted.contains('/') { "" } else { " in PATH" };
            let what = format!("cannot find the program `{wanted}`{whereabouts}");
            let fix = match s6::is_installed_by_links(command_path(command)) {
                true => INSTALL_LINKS,
                false => "write the path of a program that is in the image, or install this one",
            };
            (what, fix.to_owned())
        }
        (Some(ProgramFact::NotExecutable(path)), _) => {
            let path = printable::path(path);
            let what = format!("cannot execute `{path}`: it has no execute bit");
            (what, format!("`RUN chmod +x {path}` in the Dockerfile, or name another program"))
        }
        (Some(ProgramFact::NoExec(path)), _) => return refused(path, &ExecFailure::NoExecMount),
        (Some(ProgramFact::NoInterpreter { program, interpreter }), _) => {
            let why = Box::new(ExecFailure::Missing);
            return refused(program, &ExecFailure::Needs { path: interpreter.clone(), why });
        }
        // The kernel may run programs of other architectures by an emulator (binfmt_misc).
        (Some(ProgramFact::Refused { why, .. }), _) if is_foreign(why) => return None,
        (Some(ProgramFact::Refused { program, why }), _) => return refused(program, why),
        (Some(ProgramFact::Found(_) | ProgramFact::Unknown(_)) | None, _) => return None,
    })
}

/// Returns the fix for a script that only has to be changed itself: in a rehearsal it may be a file of the user's tree.
fn file_fix(fact: Option<&ProgramFact>) -> Option<ProblemFix> {
    match fact? {
        ProgramFact::NotExecutable(path)
        | ProgramFact::Refused { program: path, why: ExecFailure::NoExecuteBit(_) } => {
            Some(ImageCommand { command: "chmod +x", path: path.clone() }.into())
        }
        ProgramFact::NoInterpreter { program, interpreter }
            if interpreter.as_os_str().as_encoded_bytes().ends_with(b"\r") =>
        {
            let before = "write it with Unix line endings: `".to_owned();
            Some(FileCommand { before, ..line_endings::to_unix(program) }.into())
        }
        ProgramFact::Found(_)
        | ProgramFact::NoExec(_)
        | ProgramFact::NoInterpreter { .. }
        | ProgramFact::Refused { .. }
        | ProgramFact::NotFound
        | ProgramFact::Unknown(_) => None,
    }
}

/// `docker run IMAGE --help`: Docker replaces CMD, which contained the program, by the flag.
fn flag_for_program(flag: &str) -> String {
    format!(
        "it is a flag, not a program: what follows the image's name replaces CMD as a whole; write `docker run IMAGE \
         PROGRAM {flag}`, or for stepdown's own help `docker run --entrypoint stepdown IMAGE --help`"
    )
}

fn refused(program: &Path, why: &ExecFailure) -> Option<(String, String)> {
    let (what, fix) = why.cause_and_fix(program)?;
    Some((format!("cannot execute `{}`: {what}", printable::path(program)), fix))
}

/// Whether it, or its interpreter, is built for another architecture.
fn is_foreign(why: &ExecFailure) -> bool {
    match why {
        ExecFailure::Architecture { .. } => true,
        ExecFailure::Needs { why, .. } => is_foreign(why),
        _ => false,
    }
}

/// Reports that a program is built for another architecture: it fails here, unless an emulator is registered.
fn foreign(name: &str, fact: Option<&ProgramFact>, notes: &mut Notes) {
    let Some(ProgramFact::Refused { program, why }) = fact else { return };
    if let Some((what, fix)) = refused(program, why).filter(|_| is_foreign(why)) {
        let issue = Issue::new(what, "it does not start, unless this kernel emulates that machine", fix);
        notes.degraded(Area::Service, format!("`{name}`"), issue);
    }
}

/// A service of the app user needs no change of groups if PID 1 is the app user; it does before the drop and under a PID 1
/// that stays root.
fn credentials(
    common: &ServiceInputs<'_>,
    runs: &RunsAs,
    caps: CapSet,
    no_new_privs: bool,
    when: RunStage,
) -> Credentials {
    let granted = common.facts.permitted;
    let is_app = runs.uid == common.identity.uid
        && runs.gid == common.identity.gid
        && runs.groups.as_deref() == Some(&common.identity.groups);
    let can_set_groups = common.facts.effective.has(Capability::SETGID);
    let groups = match (common.switch_ability, common.privilege.drop, when) {
        (SwitchAbility::User | SwitchAbility::LimitedRoot, _, _) => None,
        (SwitchAbility::Root, DropLevel::ToApp, RunStage::Serve) if is_app => None,
        // Only if the app is uid 0: else groups can be set.
        (SwitchAbility::Root, _, _) if common.facts.setgroups_denied || !can_set_groups => None,
        (SwitchAbility::Root, _, _) => runs.groups.clone(),
    };
    let ambient = if runs.uid == Uid::ROOT { granted } else { caps.intersection(granted) };
    Credentials { uid: runs.uid, gid: runs.gid, groups, ambient, no_new_privs }
}
