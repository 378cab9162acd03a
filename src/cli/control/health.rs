//! `health`: the question, and the answer in one line, in JSON, or a line for each problem.

use serde::Serialize;

use super::super::args::HealthArgs;
use super::super::output;
use super::client_error::{EXIT_NOT_REACHED, report_client_error};
use crate::control::client::send_request;
use crate::control::health::{HealthProblem, HealthReport};
use crate::control::protocol::{ControlRequest, HealthCriterion};
use crate::text::shown;

/// What `--json` prints.
#[derive(Serialize)]
struct Answer<'a> {
    criterion: HealthCriterion,
    ok: bool,
    problems: &'a [HealthProblem],
}

/// 0 if there is no problem, 1 if there is any, or if PID 1 does not respond: Docker defines only 0 and 1.
pub(in crate::cli) fn health(args: &HealthArgs) -> u8 {
    let criterion = match (args.live, args.ready) {
        (true, _) => HealthCriterion::Live,
        (false, true) => HealthCriterion::Ready,
        (false, false) => HealthCriterion::Well,
    };
    match send_request::<HealthReport>(&ControlRequest::Health { services: args.services.clone(), criterion }) {
        Ok(HealthReport { problems }) => {
            output::out(&if args.json {
                output::json(&Answer { criterion, ok: problems.is_empty(), problems: &problems })
            } else {
                text(criterion, &problems)
            });
            if problems.is_empty() { 0 } else { EXIT_NOT_REACHED }
        }
        Err(why) => {
            report_client_error(&why);
            EXIT_NOT_REACHED
        }
    }
}

/// A line for each problem; for probes, whose runtime shows it as one message, one line in all.
fn text(criterion: HealthCriterion, problems: &[HealthProblem]) -> String {
    let problems = problems.iter().map(|problem| shown(&problem.to_string()));
    let word = match criterion {
        HealthCriterion::Well => return problems.map(|problem| problem + "\n").collect(),
        HealthCriterion::Live => "live",
        HealthCriterion::Ready => "ready",
    };
    match problems.collect::<Vec<_>>().join("; ") {
        none if none.is_empty() => format!("{word}\n"),
        problems => format!("not {word}: {problems}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_answered_in_one_line() {
        let problems = [HealthProblem::ContainerStopping, HealthProblem::Unhealthy { service: "a\n\u{1b}b".into() }];
        let expected = "not ready: the container is stopping; a\\n\\u{1b}b: unhealthy\n";
        assert_eq!(text(HealthCriterion::Ready, &problems), expected);
        assert_eq!(text(HealthCriterion::Live, &[]), "live\n");
        assert_eq!(text(HealthCriterion::Well, &[]), "");
        assert_eq!(text(HealthCriterion::Well, &problems).lines().count(), 2);
    }
}
