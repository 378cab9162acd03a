//! [`read`]: every source in, one [`Config`] or every problem of every source out. This file only has the order.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use super::container::{App, Container, MainCommand};
use super::container_toml::{self, ContainerFile};
use super::draft::Draft;
use super::file_report::FileReport;
use super::graph::KnownNames;
use super::s6::{self, Image};
use super::s6_overlay::{HOOK, S6Overlay};
use super::service::{RunAs, Stop};
use super::tree::{self, TreeContents};
use super::units::show_duration;
use super::values::ServiceName;
use super::{Config, Sources, bytes, cross_checks, env, graph, secrets};
use crate::error::{Place, Problem, Problems};
use crate::text::shown;

/// The path of the container file, for messages if there is none.
const CONTAINER_FILE: &str = "/etc/stepdown.toml";
/// The path of services, for messages if there are none.
const SERVICES: &str = "/etc/services.d";

/// Which programs of an image made for s6-overlay, which may write services, have run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// None: there may be a hook (`S6_STAGE2_HOOK`).
    HookPending,
    /// The hook, if there is one.
    HookDone,
    /// The scripts of `cont-init.d`, too.
    ScriptsDone,
}

/// Parses all sources. There may be no service, where a hook is to write them.
///
/// # Errors
/// Every problem of every file and variable, not the first.
pub fn read(sources: &Sources) -> Result<Config, Problems> {
    read_when(sources, Progress::HookPending)
}

/// The same where no hook runs any more.
///
/// # Errors
/// As [`read`], and if there is nothing to run.
pub fn read_after_hook(sources: &Sources) -> Result<Config, Problems> {
    read_when(sources, Progress::HookDone)
}

/// The same after the scripts of `cont-init.d`. A service of `/etc/services.d` in s6's format that they have broken is held
/// back alone, as s6-overlay starts the rest.
///
/// # Errors
/// As [`read_after_hook`], but for problems of such a service.
pub fn read_after_scripts(sources: &Sources) -> Result<Config, Problems> {
    read_when(sources, Progress::ScriptsDone)
}

fn read_when(sources: &Sources, progress: Progress) -> Result<Config, Problems> {
    let mut problems = Problems::default();
    let mut notices = Vec::new();

    let file = container_file(sources, &mut problems);
    let (budget_of_file, says) = (file.container.stop_timeout, file.says);
    let mut container = env::apply(&sources.env, file, &mut problems, &mut notices);

    let image = Image::recognise(sources, &container, &mut notices);
    if let Some(image) = &image {
        image.set_defaults(sources, says, &mut container);
    }
    let mut found = TreeContents { holds_back: progress == Progress::ScriptsDone, ..TreeContents::default() };
    for tree in &sources.trees {
        tree::read(tree, env::of_tree(&sources.env, &tree.path), image.as_ref(), &mut found, &mut problems);
    }
    if let Some(image) = &image {
        s6::read_image(image, &sources.s6, &mut found, &mut container, &mut problems);
    }
    for (path, names) in &found.foreign {
        let (verb, path) = (if names.len() == 1 { "is not a service" } else { "are not services" }, shown(path));
        notices.push(format!("{path}: {} {verb}, by name: ignored", names.join(", ")));
    }
    let TreeContents { mut drafts, declared, anything, mut bundles, s6_notices, s6_bundle_rows, held_back, .. } = found;
    drafts.sort_by(|one, other| one.service.name.cmp(&other.service.name));
    let declared = declared.into_keys().collect::<BTreeSet<_>>();
    notices.extend(s6_notices.iter().cloned());
    bundles.resolve(&declared, &mut problems);
    let after_legacy = s6::after_legacy_services(&drafts);
    bundles.expand(&mut drafts);
    if image.is_some() {
        s6::stop_unreachable(&mut drafts, &bundles, &mut notices);
        notices.extend(s6::ignored_variables(&sources.env));
        notices.extend(s6::version_two_notice(sources));
    }
    notices.extend(s6::ignored_notices(&drafts, &s6_bundle_rows));
    let proposed = declared.iter().cloned().chain(bundles.names()).collect();
    graph::dependency(&mut drafts, &KnownNames { declared: &declared, proposed: &proposed }, &mut problems);
    cross_checks::pipes(&drafts, &mut problems);
    cross_checks::calendars(&drafts, &mut problems);
    cross_checks::log_directories(&drafts, &mut problems);
    cross_checks::signals(&container.signals, &drafts, &declared, &mut problems);
    name_app_user(&mut container.main.user, &container.app);
    let budget = StopBudget { of_file: budget_of_file, now: container.stop_timeout };
    let MainCommand { stop, stop_timeout_at, .. } = &container.main;
    budget.check(&ServiceName::main(), stop, stop_timeout_at.as_ref(), &mut problems, &mut notices);
    for draft in &mut drafts {
        let Draft { service, stop_timeout_at, .. } = draft;
        name_app_user(&mut service.user, &container.app);
        budget.check(&service.name, &service.stop, stop_timeout_at.as_ref(), &mut problems, &mut notices);
        notices.append(&mut draft.notices);
        let requested = draft.service.secrets.as_deref().unwrap_or_default();
        notices.extend(secrets::unknown(draft.service.name.as_str(), requested, &container.secrets));
    }
    let requested = container.main.secrets.as_deref().unwrap_or_default();
    notices.extend(secrets::unknown(ServiceName::MAIN, requested, &container.secrets));

    if container.main.at.is_some() && sources.main.is_empty() && anything {
        notices.push(
            "`[main]` has no effect: no main command is given; `docker run IMAGE COMMAND`, `stepdown check -- COMMAND`"
                .to_owned(),
        );
    }
    let hook = image.as_ref().map(|image| &image.overlay.hook).filter(|hook| !hook.is_empty());
    let is_empty = match hook {
        // With s6-overlay's own bundles alone there is nothing to run either.
        Some(_) => drafts.is_empty() && problems.is_empty(),
        None => !anything,
    };
    match hook.filter(|_| progress == Progress::HookPending && is_empty && sources.main.is_empty()) {
        Some(hook) => notices
            .push(format!("there is no service yet: {HOOK}={} may write some", shown(&hook.join(OsStr::new(" "))))),
        None => check_main(sources, &container, (is_empty, hook.is_some()), &mut problems),
    }
    let main = main_command(sources, image.as_ref());
    let s6 = image.map(|image| S6Overlay {
        honoured: s6::honoured(&drafts, &sources.env, image.overlay.version),
        after_legacy,
        ..image.overlay
    });
    let mut services = Vec::with_capacity(drafts.len());
    services.extend(drafts.into_iter().map(|draft| Rc::new(draft.service)));
    problems.or(Config { container, services, main, s6, notices, passed_over: s6_notices, held_back })
}

/// Returns the main command, with what an image made for s6-overlay puts before it.
fn main_command(sources: &Sources, image: Option<&Image>) -> Vec<OsString> {
    let prefix = image.filter(|_| !sources.main.is_empty()).map(|image| image.overlay.main_prefix.clone());
    prefix.into_iter().flatten().chain(sources.main.iter().cloned()).collect()
}

fn container_file(sources: &Sources, problems: &mut Problems) -> ContainerFile {
    let nothing = Path::new(CONTAINER_FILE);
    let path = sources.container.as_ref().map_or(nothing, |(path, _)| path);
    let mut report = FileReport::new(path);
    let text = sources.container.as_ref().and_then(|(_, content)| bytes::text(content, &mut report));
    let file = container_toml::read(text.unwrap_or_default(), &mut report);
    problems.extend(report.finish());
    file
}

/// A `user` with the app user's own name means the app user, which needs no privilege.
fn name_app_user(user: &mut RunAs, app: &App) {
    if matches!(user, RunAs::Account(name) if *name == app.user) {
        *user = RunAs::App;
    }
}

/// The budget of the whole stop.
struct StopBudget {
    /// From the container file.
    of_file: Duration,
    /// The actual one: the environment may have changed it.
    now: Duration,
}

impl StopBudget {
    /// A stop timeout beyond the budget has no effect. In a TOML file that is a problem; if the environment shortened the
    /// budget, or for an s6 directory, it is a notice.
    fn check(
        &self,
        name: &ServiceName,
        stop: &Stop,
        at: Option<&Place>,
        problems: &mut Problems,
        notices: &mut Vec<String>,
    ) {
        let Some(timeout) = stop.timeout.filter(|timeout| *timeout > self.now) else { return };
        let (timeout_text, budget) = (show_duration(timeout), show_duration(self.now));
        match at {
            Some(at) if timeout > self.of_file => {
                let key = if name.as_str() == ServiceName::MAIN { "main.stop.timeout" } else { "stop.timeout" };
                let what = format!("`{key}` is {timeout_text}, and the whole stop has {budget}");
                let fix = format!("lower it, or raise `stop_timeout` in {CONTAINER_FILE} (and docker stop's -t)");
                problems.push(Problem::new(at.clone(), what, fix));
            }
            Some(_) | None => {
                notices.push(format!("{name}: may take {timeout_text} to stop, and the whole stop has {budget}"));
            }
        }
    }
}

fn check_main(sources: &Sources, container: &Container, (is_empty, has_hook): (bool, bool), problems: &mut Problems) {
    match sources.main.first() {
        Some(program) if program.is_empty() => {
            problems.push(Problem::new(Place::MainCommand, "names no program", "write `init -- PROGRAM …`"));
        }
        Some(_) => {}
        None if !is_empty => {}
        None if has_hook => {
            let tree = sources.trees.first().map_or(Path::new(SERVICES), |tree| &tree.path);
            let what = format!("holds no service, {HOOK} has written none, and there is no main command");
            let fix =
                "let it write services there or into s6-overlay/s6-rc.d, or give a command: `docker run IMAGE COMMAND`";
            problems.push(Problem::new(Place::file(tree), what, fix));
        }
        None => {
            let tree = sources.trees.first().map_or(Path::new(SERVICES), |tree| &tree.path);
            problems.push(Problem::new(
                Place::file(tree),
                "holds no service, and there is no main command",
                match container.main.at {
                    None => {
                        "put NAME.toml there with `command = [\"…\"]`, or give a command: `docker run IMAGE COMMAND`, \
                         `stepdown check -- COMMAND`, `stepdown doctor -- COMMAND`"
                    }
                    Some(_) => {
                        "give the command that `[main]` describes: `docker run IMAGE COMMAND`, `stepdown check -- COMMAND`, \
                         `stepdown doctor -- COMMAND`"
                    }
                },
            ));
        }
    }
}
