//! A program that changes the user, in a service that runs as its user from the start. Must not know how it is recognised.

use super::linted::Linted;
use crate::config::container::App;
use crate::config::quote::ticked;
use crate::config::service::{RunAs, Service};
use crate::config::user_switch::{self, UserSwitch};
use crate::config::values::{Capability, Uid, UserName};

/// Returns the notice of a command.
pub(super) fn notice(linted: &Linted<'_>, service: &Service, app: &App) -> Option<String> {
    let UserSwitch { program, user, executed } = user_switch::of(linted.argv)?;
    let because = because(program, service, app)?;
    let fix = match executed {
        [] => "leave it out".to_owned(),
        executed => format!("leave it out: {}", linted.array(executed)),
    };
    let name = user.and_then(UserName::new).filter(|name| !is_user(&service.user, &app.user, name));
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

fn is_user(user: &RunAs, app: &UserName, name: &UserName) -> bool {
    match user {
        RunAs::App => name == app,
        RunAs::Root => name.as_str() == "root",
        RunAs::Account(own) => own == name,
        RunAs::Ids(..) => false,
    }
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
                 [\"web\"]`",
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
