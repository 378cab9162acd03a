//! The output of `doctor`: a line for each check, the worst first, with the fix below it. Must not decide anything.

use std::fmt::Write as _;

use super::labels;
use crate::plan::checks::Diagnosis;
use crate::plan::finding::{Check, Finding, Issue, OverallResult};

/// Longer subjects do not move the columns of the others.
const MAX_WIDTH: usize = 28;
/// The column of the subject.
const MARGIN: usize = 10;

/// As wide as `or docker run:` and a blank or two.
const LABEL: usize = 16;

/// Whether to use terminal colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColorMode {
    /// As text.
    Plain,
    /// With SGR sequences.
    Coloured,
}

/// Returns the page.
pub fn diagnosis(diagnosis: &Diagnosis, paint: ColorMode) -> String {
    let Diagnosis { verdict, running, remarks, checks, .. } = diagnosis;
    let mut text = String::from(match running {
        true => "The running container: what its boot could not do, and what the app user can use now.\n",
        false => "What a boot of this container would do, here and now.\n",
    });
    for remark in remarks {
        let _ = writeln!(text, "({})", plain(remark));
    }
    text.push('\n');
    let width = checks.iter().map(|check| check.subject.chars().count()).filter(|width| *width <= MAX_WIDTH).max();
    let page = DoctorPage { width: width.unwrap_or_default(), paint };
    checks.iter().for_each(|check| page.check(&mut text, check));
    text.push_str(if text.ends_with("\n\n") { "" } else { "\n" });
    let _ = writeln!(text, "{}", page.painted(*verdict, &last(checks, *verdict)));
    text
}

struct DoctorPage {
    width: usize,
    paint: ColorMode,
}

impl DoctorPage {
    fn check(&self, text: &mut String, check: &Check) {
        let (subject, width) = (plain(&check.subject), self.width);
        let verdict = check.finding.verdict();
        let word = format!("{:MARGIN$}", verdict_name(verdict));
        let _ = write!(text, "{}", self.painted(verdict, &word));
        let indent = MARGIN + width + 2;
        match &check.finding {
            Finding::Ok { note } => {
                let _ = writeln!(text, "{subject:width$}  {}", plain(note));
            }
            Finding::Degraded(issue) | Finding::Fatal(issue) => {
                let Issue { cause, consequence, fix, .. } = issue;
                let _ = writeln!(text, "{subject:width$}  {}", plain(cause));
                let mut row = |label: &str, line: &str| {
                    let _ = writeln!(text, "{:indent$}{:LABEL$}{}", "", format!("{label}:"), plain(line));
                };
                row("so", consequence);
                for (at, way) in fix.0.iter().enumerate() {
                    for (line_at, (who, line)) in way.lines().into_iter().enumerate() {
                        match (at > 0 && line_at == 0, who) {
                            (true, "fix") => row("or", &line),
                            (true, _) => row(&format!("or {who}"), &line),
                            (false, _) => row(who, &line),
                        }
                    }
                }
                text.push('\n');
            }
        }
    }

    fn painted(&self, verdict: OverallResult, text: &str) -> String {
        let colour = match (self.paint, verdict) {
            (ColorMode::Plain, _) => return text.to_owned(),
            (ColorMode::Coloured, OverallResult::Ok) => "\x1b[32m",
            (ColorMode::Coloured, OverallResult::Degraded) => "\x1b[33m",
            (ColorMode::Coloured, OverallResult::Fatal) => "\x1b[31m",
        };
        format!("{colour}{text}\x1b[0m")
    }
}

fn verdict_name(verdict: OverallResult) -> &'static str {
    match verdict {
        OverallResult::Ok => "ok",
        OverallResult::Degraded => "degraded",
        OverallResult::Fatal => "FATAL",
    }
}

fn last(checks: &[Check], verdict: OverallResult) -> String {
    let count = |wanted| checks.iter().filter(|check| check.finding.verdict() == wanted).count();
    let (fatal, degraded) = (count(OverallResult::Fatal), count(OverallResult::Degraded));
    match verdict {
        OverallResult::Ok => format!("all is well ({} checks)", checks.len()),
        OverallResult::Degraded => format!("it works, {degraded} degraded, {} ok", count(OverallResult::Ok)),
        OverallResult::Fatal => {
            format!("it does not work: {fatal} fatal, {degraded} degraded, {} ok", count(OverallResult::Ok))
        }
    }
}

/// Nothing of another's may move a cursor or forge a line.
fn plain(text: &str) -> String {
    labels::path(text.as_ref())
}
