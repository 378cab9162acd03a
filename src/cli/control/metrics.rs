//! `metrics`: the text that Prometheus and others read, in the OpenMetrics format. Only counters and gauges, which the older
//! text format has as well: node_exporter's textfile collector reads nothing else.

use std::fmt::Write;

use super::client_error::report_client_error;
use crate::cli::output;
use crate::control::client::send_request;
use crate::control::metrics::{ExitCause, Metrics, ServiceCounts};
use crate::control::protocol::ControlRequest;
use crate::control::responses::ServiceStatus;
use crate::plan::show::labels::mode_key;
use crate::supervise::StatusState;

/// Prints them; 0 if PID 1 has responded.
pub(in crate::cli) fn metrics() -> u8 {
    match send_request::<Metrics>(&ControlRequest::Metrics {}) {
        Ok(metrics) => {
            output::out(&text(&metrics));
            0
        }
        Err(why) => report_client_error(&why),
    }
}

/// One metric: all its samples stand together, after what it is.
struct Family<'t> {
    text: &'t mut String,
    name: &'static str,
    suffix: &'static str,
}

impl<'t> Family<'t> {
    fn gauge(text: &'t mut String, name: &'static str, help: &str) -> Self {
        Self::new(text, name, "gauge", "", help)
    }

    fn counter(text: &'t mut String, name: &'static str, help: &str) -> Self {
        Self::new(text, name, "counter", "_total", help)
    }

    fn new(text: &'t mut String, name: &'static str, kind: &str, suffix: &'static str, help: &str) -> Self {
        let _ = writeln!(text, "# TYPE {name} {kind}");
        if let Some(unit) = ["seconds", "bytes"].into_iter().find(|unit| name.ends_with(&format!("_{unit}"))) {
            let _ = writeln!(text, "# UNIT {name} {unit}");
        }
        let _ = writeln!(text, "# HELP {name} {help}");
        Self { text, name, suffix }
    }

    fn sample(&mut self, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.text, "{}{}{labels} {value}", self.name, self.suffix);
    }

    /// A sample for each service that has the number.
    fn of_services<'a, V: std::fmt::Display>(
        mut self,
        services: impl IntoIterator<Item = (&'a ServiceStatus, &'a ServiceCounts)>,
        value: impl Fn(&ServiceStatus, &ServiceCounts) -> Option<V>,
    ) {
        for (service, counts) in services {
            if let Some(value) = value(service, counts) {
                self.sample(&[("service", &service.name)], value);
            }
        }
    }
}

fn text(metrics: &Metrics) -> String {
    let Metrics { version, status, counts, steps } = metrics;
    let mut text = String::new();
    let to = &mut text;
    let build = [("version", version.as_str()), ("mode", mode_key(status.mode))];
    Family::gauge(to, "stepdown_build_info", "Version of PID 1, and its mode.").sample(&build, 1);
    Family::gauge(to, "stepdown_uptime_seconds", "Time since PID 1 started.").sample(&[], seconds(status.uptime_ms));
    Family::gauge(to, "stepdown_stopping", "Whether the container is stopping.").sample(&[], u8::from(status.stopping));
    let mut phases = Family::gauge(to, "stepdown_boot_phase_seconds", "What PID 1 did before the services.");
    for step in steps {
        phases.sample(&[("phase", &step.name)], step.took_ms.0.as_secs_f64());
    }
    let all = || status.services.iter().zip(counts);
    let mut states =
        Family::gauge(to, "stepdown_service_state", "1 for the state that a service is in, 0 for the others.");
    for (service, _) in all() {
        for state in StatusState::ALL {
            let labels = [("service", service.name.as_str()), ("state", state.name())];
            states.sample(&labels, u8::from(state == service.state));
        }
    }
    Family::gauge(to, "stepdown_service_wanted", "Whether a service should be running.")
        .of_services(all(), |service, _| Some(u8::from(service.wanted)));
    Family::gauge(to, "stepdown_service_healthy", "Whether the health check of a service passes.")
        .of_services(all(), |service, _| service.healthy.map(u8::from));
    Family::counter(to, "stepdown_service_starts", "How often the process of a service was started.")
        .of_services(all(), |_, counts| Some(counts.starts));
    Family::counter(to, "stepdown_service_restarts", "How often a service was restarted without a request.")
        .of_services(all(), |service, _| Some(service.restarts));
    let mut exits =
        Family::counter(to, "stepdown_service_exits", "How often a run of a service ended, or could not begin.");
    for (service, counts) in all() {
        for (cause, count) in ExitCause::ALL.into_iter().zip(counts.exits) {
            exits.sample(&[("service", &service.name), ("cause", cause.name())], count);
        }
    }
    Family::gauge(to, "stepdown_service_uptime_seconds", "Time since the process of a service was started.")
        .of_services(all(), |service, _| service.uptime_ms.map(seconds));
    Family::gauge(
        to,
        "stepdown_service_memory_bytes",
        "Memory of all processes of a service; shared pages in proportion.",
    )
    .of_services(all(), |service, _| service.usage.map(|usage| usage.memory));
    Family::counter(to, "stepdown_service_cpu_seconds", "CPU time since the process of a service was started.")
        .of_services(all(), |service, _| service.usage.map(|usage| seconds(usage.cpu_ms)));
    Family::gauge(to, "stepdown_service_processes", "Processes of a service.")
        .of_services(all(), |service, _| service.usage.map(|usage| usage.processes));
    Family::counter(
        to,
        "stepdown_service_log_bytes",
        "Bytes that a service has written; none where PID 1 does not read them.",
    )
    .of_services(all(), |_, counts| counts.log_bytes);
    Family::counter(to, "stepdown_service_log_lines", "Lines that a service has written.")
        .of_services(all(), |_, counts| counts.log_lines);
    text.push_str("# EOF\n");
    text
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_labels_are_escaped_and_times_have_milliseconds() {
        let mut text = String::new();
        Family::counter(&mut text, "x_seconds", "What.").sample(&[("a", "b\"\\\nc")], seconds(61_005));
        let expected = "# TYPE x_seconds counter\n# UNIT x_seconds seconds\n# HELP x_seconds What.\n\
                        x_seconds_total{a=\"b\\\"\\\\\\nc\"} 61.005\n";
        assert_eq!(text, expected);
    }
}
