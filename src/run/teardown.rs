//! The end of a stage: kills the processes that are left, writes the last lines and logs the exit report.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use super::event_loop::EventLoop;
use super::exit_report::{self, ResponsibleService};
use super::reports::RunKind;
use super::stage::LeftoverPolicy;
use super::{StageResult, kill_remaining, main_blockers, panic_message, reasons};
use crate::error::{EXIT_REFUSED, cause_text};
use crate::log::pipe_group::Pipe;
use crate::supervise::{Exit, StatusState, StopReason, StopShares};
use crate::text::shown;

impl EventLoop<'_> {
    /// Stops every service without the engine, which has panicked: the youngest first. Returns the exit code of a refused step.
    /// Should this panic too, [`Self::tear_down`] still finds every process.
    pub(super) fn stop_without_engine(&mut self) -> u8 {
        self.stop_reason = StopReason::Requested;
        let until = self.deadline_before(|shares| shares.leftovers + shares.lines + shares.margin);
        let stop_each = AssertUnwindSafe(|| kill_remaining::stop_each(&mut self.processes, until));
        if std::panic::catch_unwind(stop_each).is_err() {
            tracing::error!("{}: ending all that is left", panic_message::take());
        }
        EXIT_REFUSED
    }

    /// Ends every process that is left, writes the last lines and logs the exit report.
    pub(super) fn tear_down(mut self, code: u8) -> StageResult {
        self.processes.probes.cancel_all();
        let term_deadline = self.deadline_before(|shares| shares.leftovers + shares.lines + shares.margin);
        let kill_deadline = self.deadline_before(|shares| shares.lines + shares.margin);
        // Log writers are children, too: those that are left at the end are killed.
        let writers_deadline = Instant::now() + term_deadline.saturating_duration_since(Instant::now()) / 2;
        self.processes.logs.close_writers(writers_deadline);
        let keeps = self.leftovers == LeftoverPolicy::Keep && self.stop_reason == StopReason::NothingLeft;
        let pipes = if keeps {
            self.processes.logs.take_open_pipes()
        } else {
            kill_remaining::terminate_remaining(&mut self.processes, self.run_kind, term_deadline, kill_deadline);
            Vec::new()
        };
        let StopShares { lines, .. } = StopShares::of(self.stop_timeout);
        let output_deadline = self.deadline_before(|shares| shares.margin).min(Instant::now() + lines);
        self.processes.logs.finish(output_deadline);
        let code = self.code_of_scripts(code);
        self.report_end(code);
        self.signals.end_loop();
        let lines = self.supervisor.status();
        let names: Vec<_> = lines.iter().map(|line| line.name.clone()).collect();
        let done = lines.iter().filter(|line| line.state == StatusState::Done).map(|line| line.name.clone()).collect();
        let moments = lines
            .into_iter()
            .filter_map(|line| Some((line.name, self.control_handler.journal.moments.get(line.id.0).cloned()?)));
        let moments = moments.collect();
        let name_of = |pipe: &Pipe| names.get(pipe.service.0).cloned();
        let open_pipes = pipes.into_iter().filter_map(|pipe| Some((name_of(&pipe)?, pipe))).collect();
        let events = self.control_handler.history.earlier_events(|id| self.supervisor.name(id).clone());
        StageResult { code, stop_reason: self.stop_reason, done, moments, events, output_deadline, open_pipes }
    }

    /// Returns the exit code after a requested stop of an image made for s6-overlay: the one that its scripts have written,
    /// such as a finish script that called `halt` after it (FIELD §2.7). No script runs any more.
    fn code_of_scripts(&self, code: u8) -> u8 {
        let Some(s6) = self.s6.as_ref().filter(|_| self.supervisor.ended_on_request()) else { return code };
        match s6.exit_code.read() {
            // The main command never ran, which a 0 would hide.
            Ok(0) if self.supervisor.main_blocked().is_some() => code,
            Ok(0) => 0,
            Ok(written) => {
                tracing::error!(
                    "the container ends with code {written}, as written into {}",
                    shown(&s6.exit_code_path())
                );
                written
            }
            Err(cause) => {
                let (path, cause) = (shown(&s6.exit_code_path()), cause_text(&cause));
                tracing::warn!("cannot read the exit code in {path}: {cause}; it is {code}");
                code
            }
        }
    }

    /// Logs the exit report, and writes it to the termination log.
    pub(super) fn report_end(&mut self, code: u8) {
        if self.run_kind == RunKind::Preparing && self.stop_reason == StopReason::NothingLeft {
            return;
        }
        let responsible = self.supervisor.responsible().and_then(|id| {
            let status = self.supervisor.status().into_iter().find(|status| status.id == id)?;
            let how = reasons::how_it_ended(id, &self.supervisor, self.processes.records.recorded(id));
            let last = self.processes.logs.last_lines(id, exit_report::LAST);
            Some(ResponsibleService { status, out_of_memory: self.processes.records.is_out_of_memory(id), how, last })
        });
        let blocked = self.supervisor.main_blocked();
        let never_ran = blocked.map(|blocked| main_blockers::never_ran(blocked, &self.supervisor));
        let report = exit_report::lines(&self.stop_reason, code, responsible.as_ref(), never_ran.as_deref());
        if let Some(why) = never_ran.filter(|_| report.is_empty()) {
            tracing::info!("{why}");
        }
        // Like tini: nothing is logged about a main command that ended by itself, whose code is the container's.
        let plain = self.stop_reason == StopReason::Main(Exit::Code(code))
            && responsible.as_ref().is_some_and(|ResponsibleService { status, out_of_memory, .. }| {
                !out_of_memory && self.supervisor.ended_by_us(status.id).is_none()
            });
        match self.run_kind == RunKind::MainOnly && plain {
            true => report.iter().for_each(|line| tracing::debug!("{line}")),
            false => report.iter().for_each(|line| tracing::error!("{line}")),
        }
        if let Some(log) = self.termination_log.take().filter(|_| !report.is_empty()) {
            // A full disk: the lines above have logged it.
            let _unwritten = log.write(&(report.join("\n") + "\n"));
        }
    }

    /// Returns the stop deadline less the time that is kept for later steps.
    fn deadline_before(&mut self, kept: impl Fn(StopShares) -> Duration) -> Instant {
        let (end, kept) = (self.arm_stop_deadline(), kept(StopShares::of(self.stop_timeout)));
        end.checked_sub(kept).unwrap_or(end)
    }

    /// Sets the deadline of the whole stop at the first call; returns it.
    pub(super) fn arm_stop_deadline(&mut self) -> Instant {
        *self.stop_deadline.get_or_insert_with(|| Instant::now() + self.stop_timeout)
    }
}
