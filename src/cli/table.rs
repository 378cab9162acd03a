//! The answer of `status` as an aligned table. Text in, text out.

use std::fmt::Write;
use std::time::Duration;

use super::words::{duration, plain};
use crate::sys::control::protocol::{LastExit, ServiceStatus, Snapshot};

const TITLES: [&str; 7] = ["SERVICE", "STATE", "PID", "FOR", "RESTARTS", "LAST EXIT", "WHY"];
/// The column that is coloured.
const STATE: usize = 1;

/// Returns the whole text; colours are for terminals.
pub(super) fn status(snapshot: &Snapshot, colours: bool) -> String {
    let mut text = head(snapshot);
    if snapshot.services.is_empty() {
        return text;
    }
    let rows: Vec<[String; 7]> = snapshot.services.iter().map(row).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(TITLES.get(column).map(|title| title.len())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..TITLES.len()).map(width).collect();
    text.push('\n');
    line(&mut text, &TITLES.map(String::from), &widths, None);
    for (row, service) in rows.iter().zip(&snapshot.services) {
        line(&mut text, row, &widths, colours.then(|| colour(&service.state)).flatten());
    }
    text
}

fn head(snapshot: &Snapshot) -> String {
    let Snapshot { identity, kept, reasons, .. } = snapshot;
    let groups: Vec<_> = identity.groups.iter().map(u32::to_string).collect();
    let kept = if kept.is_empty() { "nothing".to_owned() } else { plain(&kept.join(" ")) };
    let mut text = format!(
        "{} mode, {} ({}:{}, groups {}), {} {}; PID 1 keeps {kept}\n",
        plain(&snapshot.mode),
        plain(&identity.name),
        identity.uid,
        identity.gid,
        groups.join(" "),
        if snapshot.stopping { "stopping after" } else { "up for" },
        duration(Duration::from_millis(snapshot.uptime_ms)),
    );
    for reason in reasons {
        let _ = writeln!(text, "  {}", plain(reason));
    }
    text
}

fn row(service: &ServiceStatus) -> [String; 7] {
    let none = || "-".to_owned();
    [
        plain(&service.name),
        plain(&service.state),
        service.pid.map_or_else(none, |pid| pid.to_string()),
        duration(Duration::from_millis(service.since_ms)),
        service.restarts.to_string(),
        match &service.last_exit {
            None => none(),
            Some(LastExit::Code(code)) => code.to_string(),
            Some(LastExit::Signal(signal)) => plain(signal),
        },
        service.why.as_deref().map(plain).unwrap_or_default(),
    ]
}

fn line(text: &mut String, cells: &[String; 7], widths: &[usize], colour: Option<&str>) {
    let start = text.len();
    for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let padding = width.saturating_sub(cell.chars().count());
        let gap = if at == 0 { "" } else { "  " };
        let _ = match colour {
            Some(colour) if at == STATE => write!(text, "{gap}{colour}{cell}\x1b[0m{:padding$}", ""),
            Some(_) | None => write!(text, "{gap}{cell}{:padding$}", ""),
        };
    }
    text.truncate(start.max(text.trim_end_matches(' ').len()));
    text.push('\n');
}

fn colour(state: &str) -> Option<&'static str> {
    match state {
        "up" | "done" => Some("\x1b[32m"),
        "failed" => Some("\x1b[31m"),
        "waiting" | "starting" | "stopping" | "finishing" | "backoff" => Some("\x1b[33m"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::control::protocol::Identity;

    fn snapshot() -> Snapshot {
        let service = |name: &str, state: &str, pid, last_exit, why: Option<&str>| ServiceStatus {
            name: name.into(),
            state: state.into(),
            wanted: true,
            pid,
            since_ms: 1200,
            restarts: 0,
            last_exit,
            why: why.map(str::to_owned),
        };
        Snapshot {
            mode: "root".into(),
            identity: Identity { name: "app".into(), uid: 1000, gid: 1001, groups: vec![44, 1001] },
            kept: vec!["NET_BIND_SERVICE".into()],
            reasons: vec!["web: capabilities = [\"NET_BIND_SERVICE\"]".into()],
            uptime_ms: 123_000,
            stopping: false,
            services: vec![
                service("web", "up", Some(42), None, None),
                service("database", "failed", None, Some(LastExit::Signal("SIGTERM".into())), Some("evil \u{1b}[2J")),
                service("migrate", "done", None, Some(LastExit::Code(0)), None),
            ],
        }
    }

    #[test]
    fn columns_are_aligned_and_nothing_trails() {
        assert_eq!(
            status(&snapshot(), false),
            "root mode, app (1000:1001, groups 44 1001), up for 2m 3s; PID 1 keeps NET_BIND_SERVICE\n\
             \x20 web: capabilities = [\"NET_BIND_SERVICE\"]\n\
             \n\
             SERVICE   STATE   PID  FOR   RESTARTS  LAST EXIT  WHY\n\
             web       up      42   1.2s  0         -\n\
             database  failed  -    1.2s  0         SIGTERM    evil \\u{1b}[2J\n\
             migrate   done    -    1.2s  0         0\n"
        );
    }

    #[test]
    fn colours_do_not_move_the_columns() {
        let (plain, coloured) = (status(&snapshot(), false), status(&snapshot(), true));
        assert!(coloured.contains("\x1b[32mup\x1b[0m      42"));
        let bare = ["\x1b[31m", "\x1b[32m", "\x1b[0m"].iter().fold(coloured, |text, code| text.replace(code, ""));
        assert_eq!(bare, plain);
    }
}
