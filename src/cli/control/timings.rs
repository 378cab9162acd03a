//! The response of `timings` as tables. Text in, text out.

use std::fmt::Write;

use super::super::grid;
use crate::control::millis::Millis;
use crate::control::responses::{ChainLink, ServiceTime, Timings, UnfinishedService};
use crate::text::shown;

/// Returns the whole text.
pub(super) fn text(all: &Timings) -> String {
    let mut text = String::new();
    let steps: Vec<Vec<String>> = all
        .steps
        .iter()
        .map(|step| vec![shown(&step.name), step.at_ms.to_string(), step.took_ms.to_string()])
        .collect();
    grid::draw(&mut text, &["STEP", "AT", "TOOK"], &steps, 0, |_| None);
    if !all.services.is_empty() {
        text.push('\n');
        let rows: Vec<Vec<String>> = all.services.iter().map(row).collect();
        grid::draw(&mut text, &["SERVICE", "ASKED", "STARTED", "READY", "TOOK"], &rows, 0, |_| None);
    }
    if !all.path.is_empty() {
        let links: Vec<String> = all.path.iter().map(link).collect();
        let so_far = if all.unfinished.is_empty() { "" } else { " so far" };
        let _ = writeln!(text, "\nthe boot waited{so_far} for: {}", links.join(" → "));
    }
    if !all.unfinished.is_empty() {
        let waits = |it: &UnfinishedService| format!("{} (for {} now)", shown(&it.name), it.waited_ms);
        let all: Vec<String> = all.unfinished.iter().map(waits).collect();
        let _ = writeln!(text, "\nthe boot is still waiting for: {}", all.join(", "));
    }
    text
}

fn row(service: &ServiceTime) -> Vec<String> {
    let moment = |at: Option<Millis>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let ready = match (service.ready_ms, service.failed_ms) {
        (None, Some(at)) => format!("failed at {at}"),
        (ready, _) => moment(ready),
    };
    let took = service.ready_ms.zip(service.started_ms).map(|(ready, started)| ready.since(started));
    vec![shown(&service.name), service.wanted_ms.to_string(), moment(service.started_ms), ready, moment(took)]
}

fn link(link: &ChainLink) -> String {
    let outside = match link.wait_for_ms {
        outside if outside.micros() < 1000 => String::new(),
        outside => format!(", {outside} of it for things outside the container"),
    };
    format!("{} ({}{outside})", shown(&link.name), link.took_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::responses::StepTime;

    #[test]
    fn steps_services_and_the_chain_are_told() {
        let millis = Millis::from_micros;
        let service = |name: &str, started: Option<u64>, ready: Option<u64>, failed: Option<u64>| ServiceTime {
            name: name.into(),
            wanted_ms: millis(2_000),
            started_ms: started.map(millis),
            ready_ms: ready.map(millis),
            failed_ms: failed.map(millis),
            ..ServiceTime::default()
        };
        let link = |name: &str, took, wait_for| ChainLink {
            name: name.into(),
            took_ms: millis(took),
            wait_for_ms: millis(wait_for),
        };
        let all = Timings {
            steps: vec![StepTime { name: "configuration".into(), at_ms: millis(0), took_ms: millis(1_250) }],
            services: vec![
                service("db", Some(2_100), Some(1_206_100), None),
                service("web", Some(1_206_200), Some(61_206_200), None),
                service("bad", Some(2_100), None, Some(9_900)),
                service("late", None, None, None),
            ],
            path: vec![link("db", 1_204_100, 900_000), link("web", 60_000_000, 0)],
            unfinished: Vec::new(),
        };
        assert_eq!(
            text(&all),
            "STEP           AT   TOOK\n\
             configuration  0ms  1.25ms\n\
             \n\
             SERVICE  ASKED  STARTED  READY            TOOK\n\
             db       2ms    2.1ms    1.2s             1.2s\n\
             web      2ms    1.2s     1m 1s            1m\n\
             bad      2ms    2.1ms    failed at 9.9ms  -\n\
             late     2ms    -        -                -\n\
             \n\
             the boot waited for: db (1.2s, 900ms of it for things outside the container) → web (1m)\n"
        );
    }
}
