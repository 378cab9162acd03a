//! Logs the progress of the ownership walk and its result. Must not know how trees are walked.

use std::io::IsTerminal;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nix::errno::Errno;
use nix::libc;

use crate::boot::chown_policy::ChownPolicy;
use crate::boot::own::{self, OwnReport, Usability, WalkProgress};
use crate::error::Refused;
use crate::inspect::doctor;
use crate::plan::checks::located;
use crate::plan::fix::Fix;
use crate::plan::{Identity, OwnTree, Owner};
use crate::sys::privilege::Root;
use crate::text::shown;

/// How often a long walk logs its progress.
const INTERVAL: Duration = Duration::from_secs(3);

/// Establishes the ownership of a tree and logs the result.
///
/// # Errors
/// When the path is `required` and the app user cannot use it in the end.
pub fn establish(
    root: &Root,
    tree: &OwnTree,
    app: &Identity,
    chown_policy: &ChownPolicy,
    stop: &AtomicBool,
) -> Result<(), Refused> {
    let path = shown(&tree.path);
    let mut reporter = ProgressReporter::new(&path);
    let report = own::apply(root, tree, app, chown_policy, stop, &mut |progress| reporter.report(progress))?;
    reporter.done();
    log_report(&path, &report, tree, app);
    Ok(())
}

/// Logs whether this process, which is the app user already, can use the tree.
pub fn check(tree: &OwnTree) {
    log_usability(&shown(&tree.path), &own::check(tree), tree, "this user");
}

fn log_report(path: &str, report: &OwnReport, tree: &OwnTree, app: &Identity) {
    if report.created || report.changed > 0 {
        tracing::info!("{path}: {}", done(report, tree.owner));
    } else {
        tracing::debug!("{path}: {} entries, nothing to change", report.entries);
    }
    for summary in report.failed.iter().chain(&report.skipped) {
        let (count, examples) = (summary.paths.count, summary.paths.examples.join(", "));
        let noun = if count == 1 { "entry" } else { "entries" };
        tracing::warn!("{path}: left {count} {noun} as found: {} ({examples}); fix: {}", summary.cause, summary.fix);
    }
    if report.mounts.count > 0 {
        tracing::info!(
            "{path}: did not enter {} mounts below it: {}",
            report.mounts.count,
            report.mounts.examples.join(", ")
        );
    }
    log_usability(path, &report.usable, tree, &format!("{}:{}", app.uid, app.gid));
}

/// Returns what was done, in words; an entry that was created does not count as changed.
fn done(report: &OwnReport, owner: Owner) -> String {
    let to = format!("{}:{}", owner.uid, owner.gid);
    match report.created {
        true if report.failed.is_empty() => format!("created, {to}"),
        true => "created".to_owned(),
        false => format!("changed {} of {} entries to {to}", report.changed, report.entries),
    }
}

fn log_usability(path: &str, usable: &Usability, tree: &OwnTree, subject: &str) {
    let (verb, errno) = match usable {
        Usability::Usable | Usability::Missing | Usability::Unknown => return,
        Usability::ReadOnly(errno) => ("write", *errno),
        Usability::Unusable(errno) => ("use", *errno),
    };
    let why = Errno::from_raw(errno).desc();
    let fix = match errno {
        libc::EROFS => located(Fix::writable(&tree.path, false, None), &doctor::host_context()),
        _ => located(Fix::chown(&tree.path, tree.options.recursive, tree.owner), &doctor::host_context()),
    };
    tracing::warn!("{path}: {subject} cannot {verb} it: {why}; fix: {fix}");
}

/// A line every few seconds; on a terminal a bar in place.
struct ProgressReporter<'a> {
    path: &'a str,
    bar: Option<ProgressBar>,
    reported_at: Duration,
}

impl<'a> ProgressReporter<'a> {
    fn new(path: &'a str) -> Self {
        Self { path, bar: None, reported_at: Duration::ZERO }
    }

    fn report(&mut self, progress: &WalkProgress) {
        if progress.elapsed < self.reported_at + INTERVAL && self.bar.is_none() {
            return;
        }
        self.reported_at = progress.elapsed;
        let seconds = progress.elapsed.as_secs_f64();
        if self.bar.is_none() && std::io::stderr().is_terminal() {
            self.bar = Some(bar(self.path));
        }
        match &self.bar {
            Some(bar) => bar.set_position(progress.entries),
            None => {
                let rate = if seconds > 0.0 { (progress.entries as f64 / seconds).round() } else { 0.0 };
                tracing::info!("{}: {} entries in {seconds:.0} s, {rate}/s", self.path, progress.entries);
            }
        }
    }

    fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(path: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("stepdown: {msg}: {human_pos} entries, {per_sec}, {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.set_message(path.to_owned());
    bar
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::{Gid, Uid};

    #[test]
    fn what_was_just_made_was_not_changed() {
        let owner = Owner { uid: Uid(5), gid: Gid(6) };
        let report = OwnReport { entries: 1, changed: 1, created: true, ..OwnReport::empty() };
        assert_eq!(done(&report, owner), "created, 5:6");
        assert_eq!(done(&OwnReport { created: false, ..report }, owner), "changed 1 of 1 entries to 5:6");
    }
}
