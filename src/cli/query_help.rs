//! The help texts of the verbs that show what has happened. Must not know how arguments are parsed.

use super::control_help::{UNKNOWN, control_help};
use super::help_text::HelpText;

pub(super) fn events() -> HelpText {
    let about = "PID 1 keeps the last 256 events. With --json each is an object with `time`, `event`, `service` (absent: the \
                 container) and what is known of `pid`, `code`, `signal`, `took_ms`, `pause_ms`, `failures`, `error`, `verb`, \
                 `uid` and `cause`. Where the log is JSON, the message about an event has the same fields.";
    let examples = [
        ("stepdown events web", "what has happened to one service"),
        ("stepdown events --follow --json", "for programs"),
    ];
    control_help(about, &examples, &[("0", "they were printed"), UNKNOWN])
}

pub(super) fn metrics() -> HelpText {
    let about = "The format is OpenMetrics, and as text of Prometheus it reads the same. Nothing listens for a scrape: a sidecar \
                 calls this command, or a job that writes a file for node_exporter's textfile collector. Counters begin with \
                 the container. Log bytes and lines are those that PID 1 reads.";
    let examples = [
        ("stepdown metrics > stepdown.prom.new && mv stepdown.prom.new stepdown.prom", "for the textfile collector"),
        ("docker exec CONTAINER stepdown metrics", "from the host"),
    ];
    control_help(about, &examples, &[("0", "they were printed")])
}

pub(super) fn logs() -> HelpText {
    let about = "What a service wrote to its standard error is printed to standard error. Control characters are spelled out. \
                 Where there is more than one service each line begins with its name, coloured on a terminal. Lines that go \
                 directly to the container's output (`log.format` is `inherit`) are not kept.";
    let examples = [
        ("stepdown logs -f", "the lines of all services, and new ones"),
        ("stepdown logs -n 5 web", "the last five lines of one"),
        ("stepdown logs --since 10m --json web db", "for programs"),
    ];
    control_help(about, &examples, &[("0", "they were printed"), UNKNOWN])
}

pub(super) fn timings() -> HelpText {
    let about = "Times count from the start of PID 1; those of a service are of its first start. The last line is the chain \
                 of services that the boot waited for, each with its own part. --svg draws them: a row for each step and each \
                 service, that chain in its own colour.";
    let examples = [("docker exec CONTAINER stepdown timings --svg > boot.svg", "for a browser, light and dark")];
    control_help(about, &examples, &[("0", "they were printed")])
}

pub(super) fn graph() -> HelpText {
    let about = "An arrow goes from a service to those that wait for it: solid where they require it, dashed where only the \
                 order is declared (`after`). The tree is read as by `check`; nothing has to run.";
    let examples = [
        ("stepdown graph | dot -Tpng > services.png", "with Graphviz"),
        ("stepdown graph --svg image/ > services.svg", "for a browser, without it"),
    ];
    let codes = [("0", "it was printed"), ("100", "there are problems in the tree; each is printed")];
    HelpText::new(about).examples(&examples).codes(&codes)
}
