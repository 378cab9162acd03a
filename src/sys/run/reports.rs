//! What the engine reports, as lines. The only place where a state change is said.

use std::time::Duration;

use nix::errno::Errno;

use crate::supervise::{Because, Exit, Id, Killed, Report, SpawnError, Supervisor, Why};

/// What is being run, as far as it matters for what is worth a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Services, and perhaps a main command.
    Serving,
    /// The oneshots before the drop: that nothing is left to do is no news.
    Preparing,
    /// Only a main command: like tini we are silent as long as all goes well.
    Alone,
}

/// Says one report. What went as asked is said at `info`, what needs a look at `warn`, what will not come back at `error`.
pub fn say(report: &Report, supervisor: &Supervisor, manner: Manner) {
    let alone = manner == Manner::Alone;
    let name = |id: Id| supervisor.name(id).as_str();
    match report {
        Report::Waiting { id, on } => {
            let names: Vec<_> = on.iter().map(|id| name(*id)).collect();
            tracing::debug!("{}: waits for {}", name(*id), names.join(", "));
        }
        Report::Starting { id, pid } => tracing::debug!("{}: started, pid {}", name(*id), pid.0),
        Report::Up { id, .. } if alone => tracing::debug!("{}: up", name(*id)),
        Report::Up { id, pid, took } => tracing::info!("{}: up, pid {}, after {}", name(*id), pid.0, span(*took)),
        Report::Done { id, took } => tracing::info!("{}: done after {}", name(*id), span(*took)),
        Report::Ended { id, exit: Exit::Code(_), .. } | Report::Stopped { id, exit: Exit::Code(_), .. } if alone => {
            tracing::debug!("{}: ended", name(*id))
        }
        // `Done` says it.
        Report::Ended { id, exit: Exit::Code(0), .. } if supervisor.is_oneshot(*id) => {}
        Report::Ended { id, exit: exit @ Exit::Code(0), ran } => {
            tracing::info!("{}: ended with {} after {}", name(*id), words(*exit), span(*ran));
        }
        Report::Ended { id, exit, ran } => {
            tracing::warn!("{}: ended with {} after {}", name(*id), words(*exit), span(*ran))
        }
        Report::Stopped { id, exit, took } => {
            tracing::info!("{}: stopped with {} after {}", name(*id), words(*exit), span(*took));
        }
        Report::CannotStart { id, why } => tracing::error!("{}: {}", name(*id), refusal(why)),
        Report::Backoff { id, pause, failures } => {
            tracing::warn!(
                "{}: starts again in {} ({} in a row)",
                name(*id),
                span(*pause),
                count(*failures, "failure")
            );
        }
        Report::Failed { id, why } => tracing::error!("{}: failed: {}", name(*id), reason(why, supervisor)),
        Report::Killing { id, who, after } => {
            let who = match who {
                Killed::Command => "still there",
                Killed::Finish => "its finish script is still there",
                Killed::RestOfGroup => "what it left in its process group is still there",
            };
            tracing::warn!("{}: {who} after {}, killing it", name(*id), span(*after));
        }
        Report::NotReady { id, after } => {
            tracing::warn!("{}: not ready after {}, stopping it", name(*id), span(*after))
        }
        Report::Leftovers { id } => {
            tracing::debug!("{}: ended, and left others in its process group: ending them", name(*id))
        }
        Report::Unkillable { id, pid } => {
            tracing::error!("{}: process {} cannot be killed (uninterruptible sleep?), leaving it", name(*id), pid.0);
        }
        Report::Stopping { because } => stopping(because, supervisor, manner),
    }
}

fn stopping(because: &Because, supervisor: &Supervisor, manner: Manner) {
    let alone = manner == Manner::Alone;
    match because {
        Because::Signal(signal) if alone => tracing::debug!("got {signal}"),
        Because::Signal(signal) => tracing::info!("got {signal}: stopping"),
        Because::Asked => tracing::info!("asked to shut down: stopping"),
        Because::Main(_) if alone => tracing::debug!("the main command ended"),
        Because::Main(exit) => tracing::info!("the main command ended with {}: stopping", words(*exit)),
        Because::Essential(id, why) => {
            let name = supervisor.name(*id);
            tracing::error!("{name} is essential and has ended for good ({}): stopping", reason(why, supervisor));
        }
        Because::NothingLeft if manner == Manner::Preparing => tracing::debug!("prepared"),
        Because::NothingLeft => tracing::info!("nothing is up or wanted any more"),
    }
}

/// Returns why a service is failed, in words that name services.
pub fn reason(why: &Why, supervisor: &Supervisor) -> String {
    match why {
        Why::Ended(exit) => format!("ended with {}", words(*exit)),
        Why::Limit(times) => format!("{} in a row", count(*times, "failure")),
        Why::FinishSaidStop => "its finish script said 125".to_owned(),
        Why::Requirement(id) => format!("requires {}, which is failed", supervisor.name(*id)),
        Why::CannotStart(why) => refusal(why),
        Why::Skipped => "left out in this mode".to_owned(),
    }
}

fn refusal(why: &SpawnError) -> String {
    format!("{}: {}", why.what, Errno::from_raw(why.errno).desc())
}

/// Returns an exit in words: "code 3", "SIGKILL".
pub fn words(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("code {code}"),
        Exit::Signal(signal) => signal.to_string(),
    }
}

fn count(number: u32, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Returns a duration with as many digits as a reader needs: "3 ms", "1.2 s", "5 min 3 s".
pub fn span(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{:.1} s", duration.as_secs_f64()),
        _ => format!("{} min {} s", milliseconds / 60_000, milliseconds / 1_000 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_say_them() {
        let said = [3, 999, 1_250, 59_940, 303_000].map(|milliseconds| span(Duration::from_millis(milliseconds)));
        assert_eq!(said, ["3 ms", "999 ms", "1.2 s", "59.9 s", "5 min 3 s"]);
    }
}
