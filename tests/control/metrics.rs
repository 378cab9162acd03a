//! `metrics`, read by the parsers of Prometheus' own client library (Debian's python3-prometheus-client).

use std::io::Write;

use super::*;
use crate::support::skip::skipped;

/// Reads the text of standard input, by both formats that it is to be, and prints all samples.
const PARSE: &str = r#"
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus
text = sys.stdin.read()
samples = lambda parse: [[s.name, s.labels, s.value] for family in parse(text) for s in family.samples]
strict, older = samples(openmetrics), samples(prometheus)
assert strict == older, (strict, older)
print(json.dumps({"samples": strict, "types": {family.name: family.type for family in openmetrics(text)}}))
"#;

/// The samples of a text, as the parsers have them; an error of theirs fails the test.
fn parsed(text: &str) -> Option<serde_json::Value> {
    let has_parser = Command::new("/usr/bin/python3").args(["-c", "import prometheus_client"]).output();
    if !has_parser.is_ok_and(|output| output.status.success()) {
        skipped("there is no python3-prometheus-client; .ci/packages installs it");
        return None;
    }
    let mut parser = Command::new("/usr/bin/python3");
    let parser = parser.args(["-c", PARSE]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut parser = parser.spawn().unwrap();
    parser.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = parser.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{text}", out(&output));
    Some(json(&String::from_utf8(output.stdout).unwrap()))
}

#[test]
fn the_numbers_are_read_by_a_parser_of_prometheus_and_are_those_of_the_services() {
    if !possible() {
        return;
    }
    let running = app()
        .service("bad.toml", "command = [\"sh\", \"-c\", \"exit 3\"]\nrestart = { limit = 3, delay = \"100ms\" }\n")
        .service("web.toml", "script = \"echo one; echo two; exec sleep 600\"\n")
        .service("task.toml", "type = \"oneshot\"\ncommand = [\"true\"]\n")
        .service(
            "sick.toml",
            &format!(
                "{SLEEP}health = {{ command = [\"false\"], interval = \"100ms\", failures = 1, then = \"report\" }}\n"
            ),
        )
        .start();
    running.wait_for_line(|line| line.contains("bad: failed"), LIMIT);
    running.wait_for_line(|line| line.contains("web") && line.ends_with("two"), LIMIT);
    running.wait_for_line(|line| line.contains("task: done"), LIMIT);
    running.wait_for_line(|line| line.contains("sick: unhealthy"), LIMIT);
    assert_eq!(client_text(&running, &["restart", "web"]).0, 0);
    let (code, text) = client_text(&running, &["metrics"]);
    assert!(code == 0 && text.ends_with("# EOF\n"), "{code} {text}");
    running.stop();
    let Some(all) = parsed(&text) else { return };
    let value = |name: &str, labels: serde_json::Value| {
        let mut samples = all["samples"].as_array().unwrap().iter();
        let found = samples.find(|sample| sample[0] == name && sample[1] == labels);
        found.unwrap_or_else(|| panic!("no {name} {labels}: {text}"))[2].as_f64().unwrap()
    };
    let labels = |service: &str| serde_json::json!({ "service": service });
    let with = |service: &str, name: &str, value: &str| serde_json::json!({ "service": service, name: value });
    let state = |service: &str, state: &str| value("stepdown_service_state", with(service, "state", state));
    assert_eq!((state("web", "up"), state("bad", "failed"), state("task", "done")), (1.0, 1.0, 1.0));
    assert_eq!((state("web", "failed"), state("bad", "up")), (0.0, 0.0));
    assert_eq!(value("stepdown_service_starts_total", labels("bad")), 3.0);
    assert_eq!(value("stepdown_service_restarts_total", labels("bad")), 2.0);
    assert_eq!(value("stepdown_service_exits_total", with("bad", "cause", "failure")), 3.0);
    assert_eq!(value("stepdown_service_exits_total", with("web", "cause", "stopped")), 1.0);
    assert_eq!(value("stepdown_service_exits_total", with("task", "cause", "success")), 1.0);
    assert_eq!(value("stepdown_service_healthy", labels("sick")), 0.0);
    let (lines, bytes) = ("stepdown_service_log_lines_total", "stepdown_service_log_bytes_total");
    assert!(value(lines, labels("web")) >= 2.0 && value(bytes, labels("web")) >= 8.0, "{text}");
    assert!(value("stepdown_service_memory_bytes", labels("web")) > 4096.0, "{text}");
    assert_eq!(value("stepdown_service_processes", labels("web")), 1.0);
    assert!(
        value("stepdown_service_uptime_seconds", labels("web"))
            < value("stepdown_uptime_seconds", serde_json::json!({}))
    );
    let phases = all["samples"].as_array().unwrap().iter().filter(|sample| sample[0] == "stepdown_boot_phase_seconds");
    assert!(phases.count() > 1, "{text}");
    let known = |kind: &serde_json::Value| kind == "gauge" || kind == "counter";
    assert!(
        all["types"].as_object().unwrap().values().all(known),
        "what the textfile collector reads: {}",
        all["types"]
    );
}

#[test]
fn the_example_writes_a_file_for_the_textfile_collector() {
    if !possible() {
        return;
    }
    let example = include_str!("../../examples/metrics/metrics.toml");
    let text = example.replace("stepdown metrics", &format!("{BINARY} metrics")).replace("/metrics/", "/tmp/");
    let running = app().service("web.toml", SLEEP).service("metrics.toml", &text).start();
    running.wait_for_line(|line| line.contains("metrics: done"), LIMIT);
    let written = app_runs(&running, "cat /tmp/stepdown.prom");
    running.stop().expect(0);
    let text = String::from_utf8(written.stdout).unwrap();
    assert!(text.ends_with("# EOF\n") && text.contains("stepdown_service_state{service=\"web\""), "{text}");
    drop(parsed(&text));
}
