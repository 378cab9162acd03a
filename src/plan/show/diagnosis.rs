//! The output of `doctor`: a line for each check, the worst first, with the fix below it. Must not decide anything.

use std::fmt::Write as _;

use super::labels;
use crate::plan::checks::Diagnosis;
use crate::plan::finding::{Check, Finding, Issue, Severity};

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
        let severity = check.finding.severity();
        let word = format!("{:MARGIN$}", severity_name(severity));
        let _ = write!(text, "{}", self.painted(severity, &word));
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

    fn painted(&self, severity: Severity, text: &str) -> String {
        let colour = match (self.paint, severity) {
            (ColorMode::Plain, _) => return text.to_owned(),
            (ColorMode::Coloured, Severity::Ok) => "\x1b[32m",
            (ColorMode::Coloured, Severity::Degraded) => "\x1b[33m",
            (ColorMode::Coloured, Severity::Fatal) => "\x1b[31m",
        };
        format!("{colour}{text}\x1b[0m")
    }
}

fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Ok => "ok",
        Severity::Degraded => "degraded",
        Severity::Fatal => "FATAL",
    }
}

fn last(checks: &[Check], severity: Severity) -> String {
    let count = |wanted| checks.iter().filter(|check| check.finding.severity() == wanted).count();
    let (fatal, degraded) = (count(Severity::Fatal), count(Severity::Degraded));
    match severity {
        Severity::Ok => format!("all is well ({} checks)", checks.len()),
        Severity::Degraded => format!("it works, {degraded} degraded, {} ok", count(Severity::Ok)),
        Severity::Fatal => {
            format!("it does not work: {fatal} fatal, {degraded} degraded, {} ok", count(Severity::Ok))
        }
    }
}

/// Nothing of another's may move a cursor or forge a line.
fn plain(text: &str) -> String {
    labels::path(text.as_ref())
}
