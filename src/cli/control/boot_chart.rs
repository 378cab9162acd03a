//! `timings --svg`: the boot as a chart, as `systemd-analyze plot` has it. A row for each step of the boot and each service;
//! the chain of services that the boot waited for has a colour of its own. Values in, text out.

use super::super::svg::{self, Anchor, LINE, Picture};
use crate::control::millis::Millis;
use crate::control::responses::{ServiceTime, StepTime, Timings};

/// The width of the bars' part.
const CHART: u32 = 720;
/// The space around the picture, and between its columns.
const GAP: u32 = 16;
/// Most letters of a name, and of what a service waited for.
const MAX_NAME: usize = 32;
const MAX_NOTE: usize = 48;
const LEGEND: [(&str, &str); 6] = [
    ("wait", "waits for services"),
    ("outside", "waits for things outside"),
    ("start", "starts"),
    ("critical", "starts, and the boot waited for it"),
    ("up", "up, or done"),
    ("failed", "failed"),
];

/// The columns and the scale.
struct Layout {
    /// Where the bars begin.
    left: u32,
    /// The time that the chart is wide; not zero.
    span: Millis,
}

impl Layout {
    fn x(&self, at: Millis) -> u32 {
        let offset = u64::from(CHART) * at.min(self.span).micros() / self.span.micros();
        self.left + u32::try_from(offset).unwrap_or(CHART)
    }
}

/// Returns the chart.
pub(super) fn svg(all: &Timings) -> String {
    let names = all.steps.iter().map(|step| &step.name).chain(all.services.iter().map(|service| &service.name));
    let widest = names.map(|name| svg::width(&svg::shortened(name, MAX_NAME))).max().unwrap_or(0);
    let layout = Layout { left: GAP + widest + GAP, span: end(all).max(Millis::from_micros(1)) };
    let rows = u32::try_from(all.steps.len() + all.services.len()).unwrap_or(u32::MAX).min(100_000);
    let (top, mut picture) = (GAP + 2 * LINE, Picture::new());
    picture.text((GAP, GAP + LINE / 2), Anchor::Start, "", &format!("boot of the container, {}", layout.span));
    axis(&mut picture, &layout, top, rows);
    let mut y = top;
    for step in &all.steps {
        name(&mut picture, y, &step.name, "faint");
        let about = format!("{}: {}", step.name, step.took_ms);
        bar(&mut picture, &layout, y, (step.at_ms, step.end()), "start", &about);
        note(&mut picture, &layout, y, &step.took_ms.to_string());
        y += LINE;
    }
    for service in &all.services {
        row(&mut picture, &layout, y, service, all);
        y += LINE;
    }
    links(&mut picture, &layout, top, all);
    let width = layout.left + CHART + GAP + notes_width(all) + GAP;
    let height = legend(&mut picture, y + LINE, width);
    picture.finish((width, height), "Boot chart of stepdown")
}

/// Returns when the last thing happened.
fn end(all: &Timings) -> Millis {
    let steps = all.steps.iter().map(StepTime::end);
    let of_service = |service: &ServiceTime| {
        let moments = [service.ready_ms, service.failed_ms, service.started_ms];
        moments.into_iter().flatten().max().unwrap_or(service.wanted_ms)
    };
    steps.chain(all.services.iter().map(of_service)).max().unwrap_or_default()
}

fn axis(picture: &mut Picture, layout: &Layout, top: u32, rows: u32) {
    let bottom = top + rows * LINE;
    let span = layout.span.micros();
    for at in (0..=span).step_by(tick(span)) {
        let at = Millis::from_micros(at);
        let x = layout.x(at);
        picture.path(&format!("M{x} {} V{bottom}", top - 4), "grid", false);
        picture.text((x, top - 8), Anchor::Middle, "faint", &at.to_string());
    }
}

/// Returns a round number of microseconds between two ticks, of which at most eight fit.
fn tick(span: u64) -> usize {
    let mut round = 1;
    loop {
        for step in [1, 2, 5] {
            let tick = round * step;
            if span / tick <= 7 {
                return usize::try_from(tick).unwrap_or(usize::MAX);
            }
        }
        round *= 10;
    }
}

fn row(picture: &mut Picture, layout: &Layout, y: u32, service: &ServiceTime, all: &Timings) {
    let is_critical = all.path.iter().any(|link| link.name == service.name);
    name(picture, y, &service.name, if is_critical { "critical" } else { "" });
    let begin = service.started_ms.or(service.failed_ms).unwrap_or(layout.span);
    let waited = service.wait_for_ms.unwrap_or(begin).min(begin);
    let about = |what: &str, from: Millis, to: Millis| format!("{}: {what} {}", service.name, to.since(from));
    let mut part = |from: Millis, to: Millis, class: &str, what: &str| {
        if to > from {
            bar(picture, layout, y, (from, to), class, &about(what, from, to));
        }
    };
    part(service.wanted_ms, waited, "wait", "waits for services");
    part(waited, begin, "outside", "waits for things outside the container");
    if let Some(started) = service.started_ms {
        let settled = service.settled().unwrap_or(layout.span);
        part(started, settled, if is_critical { "critical" } else { "start" }, "starts");
        if let Some(ready) = service.ready_ms {
            part(ready, layout.span, "up", "up, or done");
        }
    }
    if let (None, Some(failed)) = (service.ready_ms, service.failed_ms) {
        part(failed, layout.span, "failed", "failed");
    }
    note(picture, layout, y, &note_of(service, all));
}

/// How long it took, and for which service it waited last.
fn note_of(service: &ServiceTime, all: &Timings) -> String {
    let took = match (service.started_ms, service.ready_ms, service.failed_ms) {
        (Some(started), Some(ready), _) => ready.since(started).to_string(),
        (_, None, Some(_)) => "failed".to_owned(),
        (Some(_), None, None) => "not ready".to_owned(),
        (None, _, None) | (None, Some(_), Some(_)) => "not started".to_owned(),
    };
    match last_awaited(service, all) {
        Some(awaited) => svg::shortened(&format!("{took}, after {}", awaited.name), MAX_NOTE),
        None => took,
    }
}

/// Returns which of those that it waited for was ready last, if it waited.
fn last_awaited<'a>(service: &ServiceTime, all: &'a Timings) -> Option<&'a ServiceTime> {
    let awaited = all.services.iter().filter(|other| service.after.contains(&other.name));
    // One that is not settled comes last.
    let last = awaited.max_by_key(|other| (other.settled().is_none(), other.settled()))?;
    last.settled().is_none_or(|at| at > service.wanted_ms).then_some(last)
}

/// Lines along the chain of services that the boot waited for.
fn links(picture: &mut Picture, layout: &Layout, top: u32, all: &Timings) {
    let place = |name: &str| all.services.iter().position(|service| service.name == name);
    let middle = |at: usize| {
        let rows = u32::try_from(all.steps.len() + at).unwrap_or_default();
        top + rows * LINE + LINE / 2
    };
    for pair in all.path.windows(2) {
        let [before, next] = pair else { continue };
        let (Some(from), Some(to)) = (place(&before.name), place(&next.name)) else { continue };
        let ready = all.services.get(from).and_then(ServiceTime::settled);
        let Some(ready) = ready else { continue };
        let x = layout.x(ready);
        picture.path(&format!("M{x} {} V{}", middle(from), middle(to)), "critical", false);
    }
}

fn bar(picture: &mut Picture, layout: &Layout, y: u32, (from, to): (Millis, Millis), class: &str, about: &str) {
    let (from, to) = (layout.x(from), layout.x(to));
    picture.rectangle((from, y + 4), ((to - from).max(1), LINE - 8), class, about);
}

fn name(picture: &mut Picture, y: u32, name: &str, class: &str) {
    picture.text((GAP, y + LINE - 7), Anchor::Start, class, &svg::shortened(name, MAX_NAME));
}

fn note(picture: &mut Picture, layout: &Layout, y: u32, text: &str) {
    picture.text((layout.left + CHART + GAP, y + LINE - 7), Anchor::Start, "faint", text);
}

fn notes_width(all: &Timings) -> u32 {
    let steps = all.steps.iter().map(|step| svg::width(&step.took_ms.to_string()));
    steps.chain(all.services.iter().map(|service| svg::width(&note_of(service, all)))).max().unwrap_or(0)
}

/// Draws what the colours mean, in as many lines as they need; returns the height of the picture.
fn legend(picture: &mut Picture, mut y: u32, width: u32) -> u32 {
    let mut x = GAP;
    for (class, text) in LEGEND {
        let needed = 20 + svg::width(text) + GAP;
        if x > GAP && x + needed > width {
            (x, y) = (GAP, y + LINE);
        }
        picture.rectangle((x, y + 5), (12, 12), class, "");
        picture.text((x + 20, y + LINE - 7), Anchor::Start, "faint", text);
        x += needed;
    }
    y + LINE + GAP
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        for (span, expected) in [(1, 1), (7, 1), (8, 2), (1_000, 200), (1_206_100, 200_000), (61_000_000, 10_000_000)] {
            assert_eq!(tick(span), expected, "{span}");
            assert!(span / tick(span) as u64 <= 7);
        }
    }
}
