//! A program that changes the user, in a service that runs as its user from the start. Must not know how it is recognised.

use super::linted::Linted;
use super::{shell_line, words};
use crate::config::container::App;
use crate::config::quote::ticked;
use crate::config::service::{RunAs, Service};
use crate::config::user_switch::{self, UserSwitch};
use crate::config::values::{Capability, Uid, UserName};

/// Returns the notice of a command.
pub(super) fn notice(linted: &Linted<'_>, service: &Service, app: &App) -> Option<String> {
    // Also in a whole line as one element.
    let line = linted.argv.first().filter(|program| words::is_line(program));
    let line = line.and_then(|line| shell_line::words_of_line(line)).unwrap_or_default();
    let skipped = usize::from(!line.is_empty());
    let argv: Vec<&str> = line.iter().map(String::as_str).chain(linted.argv.iter().skip(skipped).copied()).collect();
    let segments = shell_line::segments(&argv);
    let (segment, UserSwitch { program, user, executed }) =
        segments.iter().find_map(|(_, segment)| Some((*segment, user_switch::of(segment)?)))?;
    let because = because(program, service, app)?;
    let leaves_out = |program: &str| is_without_effect(program, service, app);
    let linted = &Linted { leaves_out: &leaves_out, ..*linted };
    let is_all = segments.len() == 1;
    let fix = match (executed, text_of_su(segment).filter(|_| is_all)) {
        ([], Some(text)) => format!("leave it out: {}", shell_line::instead_of_line(linted, text, &[])),
        ([], None) => "leave it out".to_owned(),
        _ => format!("leave it out: {}", shell_line::instead(linted, &argv)),
    };
    let name = user.and_then(|user| run_as(user, segment)).filter(|name| !is_user(&service.user, app, name));
    let other = match name.filter(|_| !linted.key.is_empty()) {
        Some(name) => format!("; if it must be another user, write `user = \"{name}\"`"),
        None => String::new(),
    };
    Some(linted.says(format!("{}: {because}; {fix}{other}", ticked(program))))
}

/// Returns the notice of its `script`.
pub(super) fn in_script(service: &Service, script: &str, app: &App) -> Option<String> {
    let (line, program) = user_switch::in_script(script)?;
    let because = because(&program, service, app)?;
    Some(format!(
        "{}: line {line} of `script`: {}: {because}; leave it out, or write `user` where it must be another user",
        service.name,
        ticked(&program),
    ))
}

/// Returns why it has no effect. It has one as root, and where the service declares the right to change its user, or that it needs
/// the setuid bit.
fn because(program: &str, service: &Service, app: &App) -> Option<String> {
    let runs_as = match &service.user {
        RunAs::App if !is_root(app) => "the app user".to_owned(),
        RunAs::Account(name) if name.as_str() != "root" && (*name != app.user || !is_root(app)) => {
            ticked(name.as_str())
        }
        RunAs::Ids(uid, gid) if *uid != Uid::ROOT => format!("{uid}:{gid}"),
        RunAs::Root | RunAs::App | RunAs::Account(_) | RunAs::Ids(..) => return None,
    };
    let has_right = [Capability::SETUID, Capability::SETGID].into_iter().any(|right| service.capabilities.has(right));
    let is_allowed = has_right || (!service.no_new_privileges && user_switch::is_setuid(program));
    (!is_allowed).then(|| format!("the service runs as {runs_as} already and cannot become another"))
}

/// Whether the app user is root. A variable has precedence.
fn is_root(app: &App) -> bool {
    let uid = app.env_uid.as_ref().map(|variable| variable.value).or(app.uid);
    app.user.as_str() == "root" || uid == Some(Uid::ROOT)
}

/// Returns whether it has no effect in this service.
pub(super) fn is_without_effect(program: &str, service: &Service, app: &App) -> bool {
    because(program, service, app).is_some()
}

/// The user as `user` takes it: `33:33`, or a name alone.
fn run_as(user: &str, argv: &[&str]) -> Option<String> {
    let is_number = |text: &str| !text.is_empty() && text.len() < 10 && text.bytes().all(|byte| byte.is_ascii_digit());
    let option = |(at, word): (usize, &&str)| match word.strip_prefix("--regid")? {
        "" => argv.get(at + 1).map(|word| (*word).to_owned()),
        rest => rest.strip_prefix('=').map(str::to_owned),
    };
    let regid = argv.iter().enumerate().find_map(option);
    let (user, group) = match user.split_once(':') {
        Some((user, group)) => (user, Some(group.to_owned())),
        None => (user, regid),
    };
    if user.trim_start_matches('0').is_empty() {
        return None;
    }
    match is_number(user) {
        true => Some(format!("{user}:{}", group.filter(|group| is_number(group)).unwrap_or_else(|| user.to_owned()))),
        false => UserName::new(user).map(|name| name.to_string()),
    }
}

fn is_user(user: &RunAs, app: &App, name: &str) -> bool {
    match user {
        RunAs::App => name == app.user.as_str(),
        RunAs::Root => name == "root",
        RunAs::Account(own) => own.as_str() == name,
        RunAs::Ids(uid, gid) => name == format!("{uid}:{gid}"),
    }
}

/// The command in the arguments of su(1): a text.
fn text_of_su<'a>(argv: &[&'a str]) -> Option<&'a str> {
    let name = argv.first()?.rsplit('/').next()?;
    let of_word = |(at, word): (usize, &&'a str)| match word.strip_prefix("--command") {
        Some("") => argv.get(at + 1).copied(),
        Some(rest) => rest.strip_prefix('='),
        None if word.starts_with('-') && !word.starts_with("--") && word.ends_with('c') => argv.get(at + 1).copied(),
        None => None,
    };
    argv.iter().enumerate().skip(1).find_map(of_word).filter(|_| matches!(name, "su" | "runuser"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::container::VariableValue;
    use crate::config::service::Command;
    use crate::config::values::{CapSet, Gid, ServiceName};
    use crate::config::{self, Sources};
    use crate::error::Place;

    fn service(user: RunAs) -> Service {
        Service { user, ..Service::plain(ServiceName::new("web").unwrap(), Command::Nothing) }
    }

    fn app() -> App {
        let sources = Sources { main: vec!["web".into()], ..Sources::default() };
        config::read(&sources).unwrap().container.app
    }

    fn of(service: &Service, app: &App, line: &str) -> Option<String> {
        let argv: Vec<_> = line.split(' ').collect();
        notice(&Linted::new("web", "command", &argv), service, app)
    }

    fn said(user: RunAs, line: &str) -> Option<String> {
        of(&service(user), &app(), line)
    }

    #[test]
    fn a_change_of_user_is_answered_with_the_command_without_it() {
        let account = || RunAs::Account(UserName::new("db").unwrap());
        for (user, line, expected) in [
            (
                RunAs::App,
                "gosu app web -x",
                "`gosu`: the service runs as the app user already and cannot become another; leave it out: `command = \
                 [\"web\", \"-x\"]`",
            ),
            (
                RunAs::App,
                "su-exec www-data:www-data web",
                "`su-exec`: the service runs as the app user already and cannot become another; leave it out: `command = \
                 [\"web\"]`; if it must be another user, write `user = \"www-data\"`",
            ),
            (
                RunAs::App,
                "sudo -u db web",
                "`sudo`: the service runs as the app user already and cannot become another; leave it out: `command = \
                 [\"web\"]`; if it must be another user, write `user = \"db\"`",
            ),
            (account(), "su - db", "`su`: the service runs as `db` already and cannot become another; leave it out"),
        ] {
            assert_eq!(said(user, line), Some(format!("web: `command`: {expected}")), "{line}");
        }
        assert_eq!(said(RunAs::App, "web --sudo gosu"), None);
    }

    #[test]
    fn where_the_user_can_be_changed_nothing_is_reported() {
        let root = || RunAs::Account(UserName::new("root").unwrap());
        for user in [RunAs::Root, root(), RunAs::Ids(Uid(0), Gid(5))] {
            assert_eq!(said(user.clone(), "gosu db web"), None);
            assert_eq!(in_script(&service(user), "exec gosu db web", &app()), None);
        }
        assert!(said(RunAs::Ids(Uid(5), Gid(0)), "gosu db web").is_some());
        let capabilities = CapSet::EMPTY.with(Capability::SETUID).with(Capability::SETGID);
        let capable = Service { capabilities, ..service(RunAs::App) };
        assert_eq!(of(&capable, &app(), "gosu db web"), None);
        assert_eq!(in_script(&capable, "exec gosu db web", &app()), None);
        let bind = CapSet::EMPTY.with(Capability::NET_BIND_SERVICE);
        assert!(of(&Service { capabilities: bind, ..service(RunAs::App) }, &app(), "gosu db web").is_some());
        // The app user itself may be root.
        let uid = App { uid: Some(Uid::ROOT), ..app() };
        let variable = App { env_uid: Some(VariableValue { value: Uid::ROOT, at: Place::Machine }), ..app() };
        for app in [uid, variable, App { user: UserName::new("root").unwrap(), ..app() }] {
            assert_eq!(of(&service(RunAs::App), &app, "gosu db web"), None);
        }
    }

    #[test]
    fn a_script_is_answered_with_its_line_and_what_was_allowed_is_not_reported() {
        let expected = "web: line 2 of `script`: `gosu`: the service runs as the app user already and cannot become another; \
                        leave it out, or write `user` where it must be another user";
        let script = "cd /x\nexec gosu app web\n";
        assert_eq!(in_script(&service(RunAs::App), script, &app()).as_deref(), Some(expected));
        assert_eq!(in_script(&service(RunAs::Root), script, &app()), None);
        let allowed = Service { no_new_privileges: false, ..service(RunAs::App) };
        assert_eq!(in_script(&allowed, "sudo web", &app()), None);
        assert!(in_script(&allowed, "gosu app web", &app()).is_some());
    }
}
