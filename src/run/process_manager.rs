//! [`ProcessManager`]: carries out the engine's actions (fork, signal, pipe) and turns what children report, and how they
//! end, into events.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::rc::Rc;
use std::time::Instant;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{geteuid, pipe2};

use super::calendars::Calendars;
use super::config_reader::ConfigReader;
use super::fd_watcher::FdWatcher;
use super::kill_report;
use super::notify_sockets::Sockets;
use super::oom_tracker::OomTracker;
use super::probe::{ProbeOwner, Probes};
use super::process_table::{Leftover, Process, ProcessTable};
use super::service_entry::{Descriptors, EnvironmentFileState, LaunchContext, ServiceEntry};
use super::service_records::ServiceRecords;
use crate::config::service::Ready;
use crate::config::values::{ServiceName, Signal, Uid};
use crate::log::logs::{Logs, READ_BUDGET};
use crate::log::own_messages::Stream;
use crate::plan::S6Directory;
use crate::supervise::{Event, Exit, Id, Pid, ProbeResult, Role, SpawnError, SpawnStep, Target};
use crate::sys::dev_null;
use crate::sys::process::environment_file::SharedBytes;
use crate::sys::process::group::{self, LeaderlessGroup};
use crate::sys::process::reap::{self, WaitResult};
use crate::sys::process::spawn::Spawner;

/// Everything that acts on processes.
pub struct ProcessManager {
    /// What is kept of each service.
    pub records: ServiceRecords,
    pub(super) context: LaunchContext,
    pub(super) process_table: ProcessTable,
    pub(super) spawner: Spawner,
    /// Exec results and readiness.
    pub fd_watcher: FdWatcher,
    /// The output of services.
    pub logs: Logs,
    /// Probes that are running.
    pub probes: Probes<ProbeOwner>,
    /// Results of reload commands that callers requested.
    pub reload_results: Vec<(Id, ProbeResult)>,
    /// Services that run at times of the day.
    pub calendars: Calendars,
    /// Kills by the OOM killer.
    pub(super) oom_tracker: OomTracker,
    /// Directories of services that the last reload has added or changed, until their definitions are applied.
    pub(super) s6_directories: BTreeMap<ServiceName, S6Directory>,
    /// Reads the configuration for a reload.
    pub config_reader: ConfigReader,
    null: Rc<File>,
    /// How many children were reaped.
    pub(super) reaped: u64,
}

impl ProcessManager {
    /// Returns a manager that has started nothing yet.
    ///
    /// # Errors
    /// When no descriptor is available.
    pub fn new(entries: Vec<ServiceEntry>, context: LaunchContext, sockets: Sockets) -> io::Result<Self> {
        let mut fd_watcher = FdWatcher::default();
        let null = Rc::new(dev_null::open_input()?);
        let mut calendars = Calendars::new(context.zone.clone());
        for (at, entry) in entries.iter().enumerate() {
            calendars.put(Id(at), &entry.plan.name, entry.service.calendar.as_deref(), &mut fd_watcher);
        }
        Ok(Self {
            calendars,
            probes: Probes::new(Rc::clone(&null)),
            reload_results: Vec::new(),
            logs: Logs::new(entries.iter().map(|entry| entry.route(&context))),
            records: ServiceRecords::new(entries, sockets, &mut fd_watcher)?,
            context,
            process_table: ProcessTable::new(),
            spawner: Spawner::default(),
            fd_watcher,
            oom_tracker: OomTracker::default(),
            s6_directories: BTreeMap::new(),
            config_reader: ConfigReader::default(),
            null,
            reaped: 0,
        })
    }

    /// Starts a process and reports the result as an event.
    pub fn start(&mut self, id: Id, role: Role, after: Option<Exit>, events: &mut VecDeque<Event>) {
        events.push_back(match self.try_start(id, role, after) {
            Ok(pid) => Event::Spawned { id, pid },
            Err(why) => Event::SpawnFailed { id, why: self.explain(id, role, why) },
        });
    }

    fn try_start(&mut self, id: Id, role: Role, after: Option<Exit>) -> Result<Pid, SpawnError> {
        let no_pipe = |errno: Errno| SpawnError::new(SpawnStep::Pipe, errno as i32);
        let no_memory = |errno: Errno| SpawnError::new(SpawnStep::Memory, errno as i32);
        let unknown = || SpawnError::new(SpawnStep::FindService, Errno::EINVAL as i32);
        let entry = self.records.entry(id).ok_or_else(unknown)?;
        let is_main = entry.is_main();
        let uid = entry.plan.credentials.uid;
        let [piped_output, piped_input] = match role {
            Role::Run => [self.records.output(id), self.records.input(id)],
            Role::Finish | Role::StopCommand => [None, None],
        };
        let pipe_if = |wanted: bool| wanted.then(|| output_pipe(uid).map_err(no_pipe)).transpose();
        let out = pipe_if(self.logs.captures(id) && piped_output.is_none())?;
        let err = pipe_if(self.logs.captures(id))?;
        let write_end = |pipe: &Option<(OwnedFd, OwnedFd)>| pipe.as_ref().map(|(_, write)| write.as_raw_fd());
        let notify = match &entry.service.ready {
            Ready::Fd { fd, .. } if role == Role::Run => Some((input_pipe().map_err(no_pipe)?, *fd)),
            Ready::Fd { .. } | Ready::Executed | Ready::Notify { .. } | Ready::Probe { .. } | Ready::Delay(_) => None,
        };
        let descriptors = Descriptors {
            input: piped_input.or((!is_main).then(|| self.null.as_raw_fd())),
            outputs: [piped_output.or(write_end(&out)), write_end(&err)],
            notify: notify.as_ref().map(|((_, write), fd)| (write.as_raw_fd(), *fd)),
        };
        let last = self.records.last_pid(id);
        let copy = (role == Role::Run && entry.has_file()).then(SharedBytes::new).transpose().map_err(no_memory)?;
        let copy = copy.map(Rc::new);
        let file = match role {
            Role::Run => EnvironmentFileState::Unread(copy.clone()),
            Role::Finish | Role::StopCommand => self.file_of_run(id)?,
        };
        let mut launch = match role {
            Role::Run => entry.command(&self.context, descriptors, file)?,
            Role::Finish => entry.finish((after, last), &self.context, descriptors, file)?,
            Role::StopCommand => entry.stop_command(&self.context, descriptors, file)?,
        };
        let tag = self.process_table.detached.next_tag();
        launch.tag = tag.limit();
        let mut record = self.records.get_mut(id).filter(|_| role == Role::Run);
        if let Some(record) = &mut record {
            record.file = None;
            record.notify_socket.iter_mut().for_each(|socket| socket.begin());
        }
        let started = self.spawner.spawn(launch)?;
        let pid = started.pid;
        if let Some(record) = record {
            record.last_pid = Some(pid);
        }
        for (stream, pipe) in [(Stream::Stdout, out), (Stream::Stderr, err)] {
            // A pipe that cannot be watched is closed: its writer gets EPIPE instead of blocking for ever.
            let _watched = pipe.map(|(read, _)| self.logs.add_pipe(id, stream, read));
        }
        // An exec pipe that cannot be watched is read when the process ends.
        let key = self.fd_watcher.exec_pipe(pid, &started.exec_pipe);
        let notify = notify.and_then(|((read, _), _)| self.fd_watcher.notify(id, read).ok());
        let exec_pipe = key.ok().map(|key| (key, started.exec_pipe));
        self.process_table
            .insert(pid, Process { id, role, exec_pipe, file: copy, notify, refused: false, killed: false, tag });
        Ok(pid)
    }

    /// Returns what the run of a service has read from its `environment_file`.
    ///
    /// # Errors
    /// EAGAIN while that run has not read it yet.
    pub(super) fn file_of_run(&self, id: Id) -> Result<EnvironmentFileState, SpawnError> {
        let is_reading = |pid: &Pid| self.process_table.is_reading_file(*pid);
        if self.records.last_pid(id).as_ref().is_some_and(is_reading) {
            return Err(SpawnError::new(SpawnStep::AwaitFile, Errno::EAGAIN as i32));
        }
        let bytes = self.records.get(id).and_then(|record| record.file.clone());
        Ok(bytes.map_or(EnvironmentFileState::Unread(None), EnvironmentFileState::Read))
    }

    /// Sends a signal to a process or group that the engine knows.
    pub fn signal(&mut self, pid: Pid, to: Target, signal: Signal) {
        if let Err(errno) = self.deliver(pid, to, signal)
            && errno != Errno::ESRCH
        {
            tracing::warn!("cannot send {signal} to process {}: {}", pid.0, kill_report::refusal(errno));
        }
    }

    /// Sends it, and returns the result.
    ///
    /// # Errors
    /// ESRCH: it is gone.
    pub fn deliver(&mut self, pid: Pid, to: Target, signal: Signal) -> Result<(), Errno> {
        let kills = signal == Signal::KILL && to == Target::Group;
        if let Some(process) = self.process_table.get(pid) {
            process.killed |= kills;
        } else if self.process_table.leftover(pid).0.is_some() {
            self.process_table.recheck_soon();
        } else {
            // Reaped since the engine last knew of it: the pid may be another process's by now (SECURITY T26).
            return Err(Errno::ESRCH);
        }
        match self.process_table.leftover(pid) {
            (Some(leftover), snapshots, detached) => leftover.signal(signal, snapshots, detached),
            (None, snapshots, _) => {
                let sent =
                    if kills { group::kill_all(pid, snapshots) } else { group::signal(pid, to, signal, snapshots) };
                match sent {
                    // A child that was just forked has no group yet; it is ours and not reaped, so its number is its own.
                    Err(Errno::ESRCH) if to == Target::Group => group::signal_child(pid, signal),
                    sent => sent,
                }
            }
        }
    }

    /// Reaps a child that has exited, if it is nobody's: nothing has to be done while it still has its number.
    pub fn reap_orphan(&mut self, pid: Pid) {
        if self.process_table.get(pid).is_none()
            && !self.probes.has(pid)
            && let Some(exit) = reap::reap(pid)
        {
            self.oom_tracker.explains(exit);
            self.process_table.detached.reaped(pid);
            self.reaped += 1;
        }
    }

    /// Reaps up to `most` exited children, started and adopted ones alike, and fewer where they have left much to read.
    /// Returns whether there may be more.
    pub fn reap_children(&mut self, most: usize, events: &mut VecDeque<Event>) -> bool {
        let mut waited = WaitResult::Running;
        let mut more = true;
        let mut groups = Vec::new();
        let mut read = 0;
        for _ in 0..most {
            if read >= READ_BUDGET {
                break;
            }
            waited = reap::peek();
            let WaitResult::Exited(pid, exit) = waited else {
                more = false;
                break;
            };
            let out_of_memory = self.oom_tracker.explains(exit);
            // What it reported before it ended comes before its end.
            self.read_exec_result(pid, true, events);
            let Some(process) = self.process_table.remove(pid) else {
                let probe_finished = self.probes.exited(pid, exit);
                self.process_table.detached.reaped(pid);
                self.reaped += 1;
                if let Some((owner, result)) = probe_finished {
                    self.probe_finished(owner, result, events);
                }
                continue;
            };
            self.receive_notifications(process.id, events);
            read += self.logs.read_remaining(process.id);
            if let Some(record) = self.records.get_mut(process.id) {
                record.out_of_memory = out_of_memory;
            }
            if process.notify.is_some_and(|key| self.fd_watcher.remove_notify(key)) {
                events.push_back(Event::Ready { id: process.id });
            }
            let group = LeaderlessGroup::hold_pid(pid);
            reap::reap(pid);
            self.spawner.reaped(pid);
            self.reaped += 1;
            if !process.refused {
                groups.push((process, pid, exit, group));
            }
        }
        if !more {
            self.process_table.detached.all_are_reaped();
        }
        // After all exited children are reaped: a group member that exited together with its main process is not left.
        let ended: Vec<_> = groups.iter().map(|(process, ..)| process.id).collect();
        let may_be_left = self.assign_and_log_orphans(&ended, waited);
        for (process, pid, exit, group) in groups {
            let Process { id, killed, tag, .. } = process;
            let group_left =
                may_be_left && (group.may_have_members(self.null.as_fd()) || self.process_table.detached.has(tag));
            let leftover = group_left.then_some(Leftover { id, group, tag });
            self.process_table.add_leftover(pid, tag, leftover);
            if group_left && killed {
                self.signal(pid, Target::Group, Signal::KILL);
            }
            events.push_back(Event::Exited { id, exit, group_left });
        }
        self.check_leftovers(events);
        more
    }

    /// Tells the engine which groups are gone.
    pub fn check_leftovers(&mut self, events: &mut VecDeque<Event>) {
        if self.process_table.next_check().is_some() {
            let gone = self.process_table.remove_gone(self.null.as_fd());
            events.extend(gone.into_iter().map(|id| Event::GroupGone { id }));
        }
    }

    /// Returns when groups without a main process are checked.
    pub fn next_check(&self) -> Option<Instant> {
        self.process_table.next_check()
    }

    /// Stops tracking what that main process left.
    pub fn untrack(&mut self, main_pid: Pid) {
        self.process_table.untrack(main_pid);
    }

    /// Returns the running main processes, the youngest first.
    pub fn youngest_first(&self) -> Vec<Pid> {
        self.process_table.youngest_first()
    }
}

/// Returns a pipe that we read without blocking.
fn input_pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
    fcntl(&read, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok((read, write))
}

/// Returns a pipe for a service's output, which a service of another user can open again as `/dev/stdout`.
fn output_pipe(reader: Uid) -> Result<(OwnedFd, OwnedFd), Errno> {
    let (read, write) = input_pipe()?;
    if Uid(geteuid().as_raw()) != reader {
        fchmod(&write, Mode::from_bits_truncate(0o622))?;
    }
    Ok((read, write))
}
