//! A program that changes the user, in a service that runs as its user from the start. Must not know how it is recognised.

use super::linted::Linted;
use crate::config::quote::ticked;
use crate::config::service::{RunAs, Service};
use crate::config::user_switch::{self, UserSwitch};
use crate::config::values::UserName;

/// Returns the notice of a command.
pub(super) fn notice(linted: &Linted<'_>, service: &Service, app: &UserName) -> Option<String> {
    let switch = user_switch::of(linted.argv).filter(|switch| is_without_effect(switch.is_setuid(), service))?;
    let UserSwitch { program, user, executed } = switch;
    let fix = match executed {
        [] => "leave it out".to_owned(),
        executed => format!("leave it out: {}", linted.array(executed)),
    };
    let name = user.and_then(UserName::new).filter(|name| !is_user(&service.user, app, name));
    let other = match (&service.user, name) {
        _ if linted.key.is_empty() => String::new(),
        (_, Some(name)) => format!("; if it must be another user, write `user = \"{name}\"`"),
        (RunAs::Root, None) => "; write the user that it becomes as `user`".to_owned(),
        (RunAs::App | RunAs::Account(_) | RunAs::Ids(..), None) => String::new(),
    };
    Some(linted.says(format!("{}: {}; {fix}{other}", ticked(program), because(service))))
}

/// Returns the notice of its `script`.
pub(super) fn in_script(service: &Service, script: &str) -> Option<String> {
    let (line, program) = user_switch::in_script(script)?;
    let is_setuid = ["sudo", "doas", "su"].contains(&program.as_str());
    if service.user == RunAs::Root || !is_without_effect(is_setuid, service) {
        return None;
    }
    Some(format!(
        "{}: line {line} of `script`: {}: {}; leave it out, or write `user` where it must be another user",
        service.name,
        ticked(&program),
        because(service)
    ))
}

/// Not where the service declares that it needs the setuid bit.
fn is_without_effect(is_setuid: bool, service: &Service) -> bool {
    service.no_new_privileges || !is_setuid
}

fn is_user(user: &RunAs, app: &UserName, name: &UserName) -> bool {
    match user {
        RunAs::App => name == app,
        RunAs::Root => name.as_str() == "root",
        RunAs::Account(own) => own == name,
        RunAs::Ids(..) => false,
    }
}

fn because(service: &Service) -> String {
    match &service.user {
        RunAs::App => "it runs as the app user already, and has no right to become another".to_owned(),
        RunAs::Account(name) => format!("it runs as `{name}` already, and has no right to become another"),
        RunAs::Ids(uid, gid) => format!("it runs as {uid}:{gid} already, and has no right to become another"),
        RunAs::Root => "PID 1 stays root only so that it can become another user".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::service::Command;
    use crate::config::values::ServiceName;

    fn service(user: RunAs) -> Service {
        Service { user, ..Service::plain(ServiceName::new("web").unwrap(), Command::Nothing) }
    }

    fn said(user: RunAs, line: &str) -> Option<String> {
        let argv: Vec<_> = line.split(' ').collect();
        notice(&Linted { name: "web", key: "command", argv: &argv }, &service(user), &UserName::new("app").unwrap())
    }

    #[test]
    fn a_change_of_user_is_answered_with_the_command_without_it() {
        let account = || RunAs::Account(UserName::new("db").unwrap());
        for (user, line, expected) in [
            (
                RunAs::App,
                "gosu app web -x",
                "`gosu`: it runs as the app user already, and has no right to become another; leave it out: `command = \
                 [\"web\", \"-x\"]`",
            ),
            (
                RunAs::App,
                "su-exec www-data:www-data web",
                "`su-exec`: it runs as the app user already, and has no right to become another; leave it out: `command = \
                 [\"web\"]`",
            ),
            (
                RunAs::App,
                "sudo -u db web",
                "`sudo`: it runs as the app user already, and has no right to become another; leave it out: `command = \
                 [\"web\"]`; if it must be another user, write `user = \"db\"`",
            ),
            (account(), "su - db", "`su`: it runs as `db` already, and has no right to become another; leave it out"),
            (
                RunAs::Root,
                "setpriv --reuid=db web",
                "`setpriv`: PID 1 stays root only so that it can become another user; leave it out: `command = \
                 [\"web\"]`; if it must be another user, write `user = \"db\"`",
            ),
        ] {
            assert_eq!(said(user, line), Some(format!("web: `command`: {expected}")), "{line}");
        }
        assert_eq!(said(RunAs::App, "web --sudo gosu"), None);
    }

    #[test]
    fn a_script_is_answered_with_its_line_and_what_was_allowed_is_not_reported() {
        let expected = "web: line 2 of `script`: `gosu`: it runs as the app user already, and has no right to become \
                        another; leave it out, or write `user` where it must be another user";
        let script = "cd /x\nexec gosu app web\n";
        assert_eq!(in_script(&service(RunAs::App), script).as_deref(), Some(expected));
        assert_eq!(in_script(&service(RunAs::Root), script), None);
        let allowed = Service { no_new_privileges: false, ..service(RunAs::App) };
        assert_eq!(in_script(&allowed, "sudo web"), None);
        assert!(in_script(&allowed, "gosu app web").is_some());
    }
}
