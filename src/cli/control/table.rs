//! The response of `status` as an aligned table. Text in, text out.

use std::fmt::Write;
use std::time::Duration;

use super::super::grid;
use super::super::units::size;
use crate::config::units::duration_text;
use crate::control::reason::LastExit;
use crate::control::responses::{ProcessUser, ServiceStatus, Snapshot};
use crate::plan::show::labels::mode_key;
use crate::supervise::StatusState;
use crate::text::shown;

const TITLES: [&str; 11] =
    ["SERVICE", "STATE", "PID", "USER", "FOR", "RESTARTS", "LAST EXIT", "HEALTH", "MEMORY", "CPU", "NOTE"];
/// The column that is coloured.
const STATE: usize = 1;
/// Columns that are omitted if they are empty.
const OPTIONAL: [&str; 2] = ["USER", "HEALTH"];
const NONE: &str = "-";

/// Returns the whole text; colours are for terminals.
pub(super) fn status(snapshot: &Snapshot, colours: bool) -> String {
    let mut text = head(snapshot);
    if snapshot.services.is_empty() {
        return text;
    }
    let app = ProcessUser { uid: snapshot.identity.uid, gid: snapshot.identity.gid };
    let rows: Vec<[String; 11]> = snapshot.services.iter().map(|service| row(service, app)).collect();
    let says_something = |column: usize| rows.iter().any(|row| row.get(column).is_some_and(|cell| cell != NONE));
    let columns: Vec<usize> = TITLES
        .iter()
        .enumerate()
        .filter(|(column, title)| !OPTIONAL.contains(title) || says_something(*column))
        .map(|(column, _)| column)
        .collect();
    let titles: Vec<&str> = columns.iter().filter_map(|column| TITLES.get(*column).copied()).collect();
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| columns.iter().filter_map(|column| row.get(*column).cloned()).collect()).collect();
    text.push('\n');
    let state = |at: usize| snapshot.services.get(at).map(|service| service.state);
    grid::draw(&mut text, &titles, &rows, STATE, |at| state(at).filter(|_| colours).and_then(colour));
    text
}

fn head(snapshot: &Snapshot) -> String {
    let Snapshot { identity, kept, reasons, .. } = snapshot;
    let groups: Vec<_> = identity.groups.iter().map(u32::to_string).collect();
    let kept = if kept.is_empty() { "nothing".to_owned() } else { shown(&kept.join(" ")) };
    let mut text = format!(
        "{} mode, {} ({}:{}, groups {}), {} {}; PID 1 keeps {kept}\n",
        mode_key(snapshot.mode),
        shown(&identity.name),
        identity.uid,
        identity.gid,
        groups.join(" "),
        if snapshot.stopping { "stopping after" } else { "up for" },
        duration_text(Duration::from_millis(snapshot.uptime_ms)),
    );
    for reason in reasons {
        let _ = writeln!(text, "  {}", shown(reason));
    }
    text
}

/// The line of a service; its user is shown if that is another than the one in the head of the table.
fn row(service: &ServiceStatus, app: ProcessUser) -> [String; 11] {
    let none = || NONE.to_owned();
    [
        shown(&service.name),
        service.state.to_string(),
        service.pid.map_or_else(none, |pid| pid.to_string()),
        service.user.filter(|user| *user != app).map_or_else(none, |user| format!("{}:{}", user.uid, user.gid)),
        duration_text(Duration::from_millis(service.since_ms)),
        service.restarts.to_string(),
        match &service.last_exit {
            None => none(),
            Some(LastExit::Code(code)) => code.to_string(),
            Some(LastExit::Signal(signal)) => shown(signal),
        },
        match service.healthy {
            None => none(),
            Some(true) => "healthy".to_owned(),
            Some(false) => "unhealthy".to_owned(),
        },
        service.usage.map_or_else(none, |usage| size(usage.memory)),
        service.usage.map_or_else(none, |usage| duration_text(Duration::from_millis(usage.cpu_ms))),
        note(service),
    ]
}

/// The reason of its state, what it waits for, and its status text.
fn note(service: &ServiceStatus) -> String {
    let waits = (!service.waits_for.is_empty()).then(|| format!("waits for {}", shown(&service.waits_for.join(", "))));
    // The state shows by itself that it is not wanted.
    let speaks = match service.state {
        StatusState::Down | StatusState::Failed | StatusState::Stopping | StatusState::Finishing => true,
        StatusState::Waiting | StatusState::Starting | StatusState::Up | StatusState::Backoff => false,
        StatusState::Scheduled | StatusState::Done => false,
    };
    let unwanted = (!service.wanted && !speaks).then(|| "not wanted".to_owned());
    let health = service.health_result.as_deref().map(|found| format!("its health check: {}", shown(found)));
    let log = service.log_error.as_deref().map(|what| format!("its log cannot be written: {}", shown(what)));
    let next = service.next_run.as_deref().map(|next| format!("next run {}", shown(next)));
    let says = service.status_text.as_deref().map(|text| format!("\"{}\"", shown(text)));
    let why = service.why.as_ref().map(|why| shown(&why.to_string()));
    let parts: Vec<String> =
        why.into_iter().chain(waits).chain(unwanted).chain(health).chain(next).chain(log).chain(says).collect();
    parts.join("; ")
}

fn colour(state: StatusState) -> Option<&'static str> {
    match state {
        StatusState::Up | StatusState::Scheduled | StatusState::Done => Some("\x1b[32m"),
        StatusState::Failed => Some("\x1b[31m"),
        StatusState::Waiting | StatusState::Starting | StatusState::Stopping => Some("\x1b[33m"),
        StatusState::Finishing | StatusState::Backoff => Some("\x1b[33m"),
        StatusState::Down => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::reason::Reason;
    use crate::control::responses::{AppIdentity, ResourceUsage};
    use crate::plan::Mode;

    fn service(name: &str, state: StatusState, pid: Option<i32>) -> ServiceStatus {
        ServiceStatus { name: name.into(), state, pid, wanted: true, since_ms: 1200, ..ServiceStatus::default() }
    }

    fn snapshot(services: Vec<ServiceStatus>) -> Snapshot {
        Snapshot {
            mode: Mode::Root,
            identity: AppIdentity { name: "app".into(), uid: 1000, gid: 1001, groups: vec![44, 1001] },
            kept: vec!["NET_BIND_SERVICE".into()],
            reasons: vec!["web: capabilities = [\"NET_BIND_SERVICE\"]".into()],
            uptime_ms: 123_000,
            stopping: false,
            revision: 1,
            services,
        }
    }

    fn three() -> Snapshot {
        snapshot(vec![
            service("web", StatusState::Up, Some(42)),
            ServiceStatus {
                last_exit: Some(LastExit::Signal("SIGTERM".into())),
                why: Some(Reason::NextRun("evil \u{1b}[2J".into())),
                ..service("database", StatusState::Failed, None)
            },
            ServiceStatus { last_exit: Some(LastExit::Code(0)), ..service("migrate", StatusState::Done, None) },
        ])
    }

    #[test]
    fn columns_that_say_nothing_are_left_out() {
        assert_eq!(
            status(&three(), false),
            "root mode, app (1000:1001, groups 44 1001), up for 2m 3s; PID 1 keeps NET_BIND_SERVICE\n\
             \x20 web: capabilities = [\"NET_BIND_SERVICE\"]\n\
             \n\
             SERVICE   STATE   PID  FOR   RESTARTS  LAST EXIT  MEMORY  CPU  NOTE\n\
             web       up      42   1.2s  0         -          -       -\n\
             database  failed  -    1.2s  0         SIGTERM    -       -    next run evil \\u{1b}[2J\n\
             migrate   done    -    1.2s  0         0          -       -\n"
        );
    }

    #[test]
    fn what_is_known_of_a_service_stands_in_its_line() {
        let usage = Some(ResourceUsage { memory: 12_900_000, proportional: true, cpu_ms: 1500, processes: 3 });
        let web = ServiceStatus {
            healthy: Some(false),
            usage,
            status_text: Some("12 requests\u{7}".into()),
            ..service("web", StatusState::Up, Some(42))
        };
        let api = ServiceStatus {
            waits_for: vec!["db".into(), "tcp://mq:5672".into()],
            ..service("api", StatusState::Waiting, None)
        };
        let user = Some(ProcessUser { uid: 1000, gid: 1001 });
        let web = ServiceStatus { user, ..web };
        let text = status(&snapshot(vec![web, api]), false);
        let lines: Vec<_> = text.lines().skip(3).collect();
        assert_eq!(
            lines,
            [
                "SERVICE  STATE    PID  FOR   RESTARTS  LAST EXIT  HEALTH     MEMORY  CPU   NOTE",
                "web      up       42   1.2s  0         -          unhealthy  12.3M   1.5s  \"12 requests\\u{7}\"",
                "api      waiting  -    1.2s  0         -          -          -       -     waits for db, tcp://mq:5672",
            ]
        );
    }

    #[test]
    fn the_user_of_a_process_is_shown_where_one_is_not_the_app_user() {
        let user = |uid, gid| Some(ProcessUser { uid, gid });
        let cron = ServiceStatus { user: user(0, 0), ..service("cron", StatusState::Up, Some(41)) };
        let web = ServiceStatus { user: user(1000, 1001), ..service("web", StatusState::Up, Some(42)) };
        let text = status(&snapshot(vec![cron, web]), false);
        let lines: Vec<_> = text.lines().skip(3).map(|line| line.split("  1.2s").next().unwrap_or_default()).collect();
        assert_eq!(
            lines,
            [
                "SERVICE  STATE  PID  USER  FOR   RESTARTS  LAST EXIT  MEMORY  CPU  NOTE",
                "cron     up     41   0:0 ",
                "web      up     42   -   ",
            ]
        );
    }

    #[test]
    fn colours_do_not_move_the_columns() {
        let (plain, coloured) = (status(&three(), false), status(&three(), true));
        assert!(coloured.contains("\x1b[32mup\x1b[0m      42"));
        let bare = ["\x1b[31m", "\x1b[32m", "\x1b[0m"].iter().fold(coloured, |text, code| text.replace(code, ""));
        assert_eq!(bare, plain);
    }

    #[test]
    fn the_mode_is_called_as_json_has_it() {
        for mode in [Mode::Root, Mode::RootLimited, Mode::User, Mode::UserUnknown] {
            assert_eq!(serde_json::to_value(mode).unwrap(), mode_key(mode));
            let head = head(&Snapshot { mode, ..snapshot(Vec::new()) });
            assert!(head.starts_with(&format!("{} mode, ", mode_key(mode))), "{head}");
        }
    }
}
