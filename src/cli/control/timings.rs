//! The response of `timings` as tables. Text in, text out.

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;

use super::super::grid;
use crate::config::units::duration_text;
use crate::control::responses::{ChainLink, ServiceTime, Timings, UnfinishedService};
use crate::text::shown;

/// Returns the response with its times in milliseconds, as everything else that `--json` prints has them.
pub(super) fn in_milliseconds(all: &Timings) -> Value {
    // It was made of such a value.
    let mut value = serde_json::to_value(all).unwrap_or_default();
    convert(&mut value);
    value
}

fn convert(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, mut value) in std::mem::take(fields) {
                convert(&mut value);
                let (name, value) = match (name.strip_suffix("_us"), value.as_f64()) {
                    (Some(what), Some(micros)) => (format!("{what}_ms"), Value::from(micros / 1000.0)),
                    (Some(what), None) => (format!("{what}_ms"), value),
                    (None, _) => (name, value),
                };
                fields.insert(name, value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(convert),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Returns the whole text.
pub(super) fn text(all: &Timings) -> String {
    let mut text = String::new();
    let steps: Vec<Vec<String>> =
        all.steps.iter().map(|step| vec![shown(&step.name), span(step.at_us), span(step.took_us)]).collect();
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
        let waits = |it: &UnfinishedService| format!("{} (for {} now)", shown(&it.name), span(it.waited_us));
        let all: Vec<String> = all.unfinished.iter().map(waits).collect();
        let _ = writeln!(text, "\nthe boot is still waiting for: {}", all.join(", "));
    }
    text
}

fn row(service: &ServiceTime) -> Vec<String> {
    let moment = |at: Option<u64>| at.map_or_else(|| "-".to_owned(), span);
    let ready = match (service.ready_us, service.failed_us) {
        (None, Some(at)) => format!("failed at {}", span(at)),
        (ready, _) => moment(ready),
    };
    let took = service.ready_us.zip(service.started_us).map(|(ready, started)| ready.saturating_sub(started));
    vec![shown(&service.name), span(service.wanted_us), moment(service.started_us), ready, moment(took)]
}

fn link(link: &ChainLink) -> String {
    let outside = match link.wait_for_us {
        0..1000 => String::new(),
        outside => format!(", {} of it for things outside the container", span(outside)),
    };
    format!("{} ({}{outside})", shown(&link.name), span(link.took_us))
}

fn span(micros: u64) -> String {
    duration_text(Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::responses::StepTime;

    #[test]
    fn steps_services_and_the_chain_are_told() {
        let service = |name: &str, started_us, ready_us, failed_us| ServiceTime {
            name: name.into(),
            wanted_us: 2_000,
            started_us,
            ready_us,
            failed_us,
            ..ServiceTime::default()
        };
        let link = |name: &str, took_us, wait_for_us| ChainLink { name: name.into(), took_us, wait_for_us };
        let all = Timings {
            steps: vec![StepTime { name: "configuration".into(), at_us: 0, took_us: 1_250 }],
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
