//! [`Logs`]: every service's pipes, read while the output that its lines go to has space: the container's outputs, tagged or
//! as JSON, or files. The last lines are kept ([`super::tail`]). Called by the event loop; nothing in here blocks.

use std::collections::HashMap;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Instant;

use nix::errno::Errno;
use tokio::sync::mpsc::Sender;

use super::clock::Now;
use super::files::{FileLog, WriterEvent};
use super::followers::Followed;
use super::own_messages::{Stream, with_outputs};
use super::pipe_group::{PipeGroup, ReadResult};
use super::service_log::{ActiveRoute, FileRoute, LogRoute, ServiceLog};
use super::split::{MAX_FILE_LINE, MAX_LINE};
use super::tail::NamedLine;
use crate::supervise::Id;
use crate::text::shown;

/// Most bytes read from one pipe before the next one is read: the usual size of a pipe.
const READ_SIZE: usize = 64 * 1024;
/// Most bytes read for each output in one turn of the event loop, from all pipes together: a flood must not delay signals,
/// exits, deadlines and control requests. 2-byte lines as JSON take some milliseconds.
pub const READ_BUDGET: usize = 256 * 1024;
/// The least that a read counts for: its cost is not only in its bytes.
const MIN_READ_COST: usize = 1024;
/// Most reads from one pipe at the end: more than it holds, and bounded if a process goes on writing.
pub(super) const MAX_READS_AT_END: usize = 64;

/// The first epoll key of writers' sockets, beyond all keys of pipes; and of the sockets of writers that are closed.
const WRITER_KEYS: u64 = 1 << 62;
const CLOSING_KEYS: u64 = 1 << 63;

/// The outputs that lines go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputKind {
    /// The container's stdout.
    Stdout,
    /// The container's stderr.
    Stderr,
    /// Log files.
    Files,
}

/// The logs of all services.
#[derive(Debug)]
pub struct Logs {
    stdout: PipeGroup,
    stderr: PipeGroup,
    pub(super) files: PipeGroup,
    pub(super) service_logs: Vec<ServiceLog>,
    /// Who follows all services, those too that a reload adds.
    pub(super) followers_of_all: Vec<Sender<Followed<NamedLine>>>,
    /// Services with log files.
    pub(super) stores: Vec<Id>,
    /// Files that are no longer used, until their writers have exited.
    pub(super) closing_files: HashMap<u64, FileLog>,
    next_closing_key: u64,
    chunk: Box<[u8]>,
}

impl Logs {
    /// Returns the logs of these services, in the order of the engine's ids.
    pub fn new(routes: impl IntoIterator<Item = LogRoute>) -> Self {
        let mut logs = Self {
            stdout: PipeGroup::default(),
            stderr: PipeGroup::default(),
            files: PipeGroup::default(),
            service_logs: Vec::new(),
            followers_of_all: Vec::new(),
            stores: Vec::new(),
            closing_files: HashMap::new(),
            next_closing_key: CLOSING_KEYS,
            chunk: Box::default(),
        };
        let routes = routes.into_iter();
        logs.service_logs.reserve_exact(routes.size_hint().0);
        for (at, route) in routes.enumerate() {
            logs.replace_route(Id(at), route);
        }
        logs.update_sinks();
        logs
    }

    /// Sets the route of a service, new or known. Its last lines are kept; pipes that are open stay in their group.
    pub fn set_route(&mut self, id: Id, route: LogRoute) {
        if self.replace_route(id, route) {
            self.update_sinks();
        }
    }

    /// Returns whether a pipe of that service is open: a process may still write to it.
    pub fn has_open_pipe(&self, id: Id) -> bool {
        [&self.stdout, &self.stderr, &self.files].into_iter().any(|pipe_group| pipe_group.has(id))
    }

    /// Removes a service that has no pipes any more: drops its last lines and closes its files.
    pub fn remove(&mut self, id: Id) {
        self.close_store(id);
        if let Some(service_log) = self.service_logs.get_mut(id.0) {
            // Not `Inherit`: it does not write to the container's outputs.
            *service_log = ServiceLog { route: LogRoute::Plain, active: ActiveRoute::Plain, ..ServiceLog::default() };
        }
        self.update_sinks();
    }

    /// Returns whether the route was changed.
    fn replace_route(&mut self, id: Id, route: LogRoute) -> bool {
        let is_longer = self.service_logs.len() <= id.0;
        while self.service_logs.len() <= id.0 {
            self.service_logs.push(ServiceLog::default());
        }
        if !is_longer && self.service_logs.get(id.0).is_some_and(|log| log.route == route) {
            return false;
        }
        self.close_store(id);
        if matches!(route, LogRoute::Files(_)) {
            self.stores.push(id);
        }
        if let Some(service_log) = self.service_logs.get_mut(id.0) {
            service_log.set_route(route);
        }
        true
    }

    fn update_sinks(&self) {
        let exclusive = self.service_logs.iter().all(|service_log| !matches!(service_log.active, ActiveRoute::Inherit));
        with_outputs(|outputs| outputs.sinks().for_each(|sink| sink.set_exclusive(exclusive)));
    }

    /// Closes a service's files; their writer writes what waits and exits.
    fn close_store(&mut self, id: Id) {
        self.stores.retain(|known| *known != id);
        let Some(service_log) = self.service_logs.get_mut(id.0) else { return };
        if let ActiveRoute::Files(files) = std::mem::take(&mut service_log.active) {
            self.close_files(*files);
        }
        let keys = self.files.keys_of(id);
        keys.into_iter().for_each(|key| self.files.resume(key));
    }

    fn close_files(&mut self, mut files: FileLog) {
        let key = self.next_closing_key;
        self.next_closing_key += 1;
        files.close();
        let watched = files.socket().map(|socket| {
            self.files.unwatch(socket);
            self.files.watch(socket, key)
        });
        match watched {
            Some(Ok(())) => drop(self.closing_files.insert(key, files)),
            Some(Err(_)) | None => files.discard(),
        }
    }

    /// Returns whether a service writes to pipes that PID 1 reads.
    pub fn captures(&self, id: Id) -> bool {
        self.service_logs.get(id.0).is_some_and(|service_log| !matches!(service_log.active, ActiveRoute::Inherit))
    }

    /// Adds the read end (O_NONBLOCK) of a pipe that a service writes to.
    ///
    /// # Errors
    /// When it cannot be watched.
    pub fn add_pipe(&mut self, id: Id, stream: Stream, pipe: OwnedFd) -> Result<(), Errno> {
        self.start_writer(id);
        let Some(service_log) = self.service_logs.get_mut(id.0) else { return Err(Errno::EINVAL) };
        match (&mut service_log.active, stream) {
            (ActiveRoute::Files(_), _) => self.files.add(pipe, id, stream, MAX_FILE_LINE),
            (
                ActiveRoute::Inherit | ActiveRoute::Plain | ActiveRoute::Tagged(_) | ActiveRoute::Json(_),
                Stream::Stdout,
            ) => self.stdout.add(pipe, id, stream, MAX_LINE),
            (
                ActiveRoute::Inherit | ActiveRoute::Plain | ActiveRoute::Tagged(_) | ActiveRoute::Json(_),
                Stream::Stderr,
            ) => self.stderr.add(pipe, id, stream, MAX_LINE),
        }
    }

    /// Starts the writer that opens a service's files, at each start of the service. If the files cannot be written at all
    /// (`--user` with a directory of root's), the fallback is used instead of blocking the service for ever.
    pub(super) fn start_writer(&mut self, id: Id) {
        let Some(service_log) = self.service_logs.get_mut(id.0) else { return };
        if service_log.is_diverted() {
            service_log.set_route(service_log.route.clone());
            self.stores.push(id);
        }
        let started = service_log.files_mut().is_some_and(|files| files.start_writer(Now::read()));
        self.watch_writer(id, started);
    }

    fn watch_writer(&self, id: Id, started: bool) {
        if let Some(socket) = self.files_of(id).and_then(FileLog::socket).filter(|_| started) {
            // ENOMEM, at worst: its reports are then received whenever a pipe of its service is read.
            let _unwatched = self.files.watch(socket, WRITER_KEYS + id.0 as u64);
        }
    }

    /// Receives the reports of the writer with this key.
    fn receive(&mut self, key: u64) {
        let now = Now::read();
        if let Some(files) = self.closing_files.get_mut(&key) {
            match files.receive(now) {
                WriterEvent::None => {}
                WriterEvent::Unwritable(_) | WriterEvent::Exited => {
                    if let Some(mut files) = self.closing_files.remove(&key) {
                        files.discard();
                    }
                }
            }
            return;
        }
        let Some(id) = key.checked_sub(WRITER_KEYS).and_then(|at| usize::try_from(at).ok()).map(Id) else { return };
        let Some(files) = self.files_mut(id) else { return };
        match files.receive(now) {
            WriterEvent::None if !files.has_room() => {}
            WriterEvent::None => {
                let keys = self.files.keys_of(id);
                keys.into_iter().for_each(|key| self.files.resume(key));
            }
            WriterEvent::Exited => {}
            WriterEvent::Unwritable(why) => self.divert(id, &why),
        }
    }

    /// Switches a service to its fallback: its files cannot be written.
    fn divert(&mut self, id: Id, why: &str) {
        self.stores.retain(|known| *known != id);
        let Some(service_log) = self.service_logs.get_mut(id.0) else { return };
        if let (LogRoute::Files(configured), false) = (&service_log.route, service_log.fallback_reported) {
            let FileRoute { name, to, user, .. } = &**configured;
            let (at, (uid, gid)) = (shown(&to.path), user.ids());
            tracing::warn!(
                "{name}: {why}; its lines go to the container's output instead. Mount something there that \
                {uid}:{gid} can write, such as `tmpfs: [\"{at}:uid={uid},gid={gid}\"]` or a volume"
            );
        }
        service_log.fallback_reported = true;
        if let Some(mut files) = service_log.divert() {
            files.close();
            files.discard();
        }
        for key in self.files.keys_of(id) {
            let Some(pipe) = self.files.take(key) else { continue };
            let pipe_group = match pipe.stream {
                Stream::Stdout => &mut self.stdout,
                Stream::Stderr => &mut self.stderr,
            };
            // A pipe that cannot be watched is closed, and the service gets EPIPE instead of blocking for ever.
            let _unwatched = pipe_group.insert(pipe);
        }
    }

    /// Returns which of a service's files cannot be written and why, while that is so: the service may be blocked.
    pub fn write_error(&self, id: Id) -> Option<&str> {
        self.files_of(id)?.write_error()
    }

    /// Returns the descriptor that is readable when one of the output's pipes is, or an error when none is available.
    pub fn pipe_group(&self, output: OutputKind) -> Result<BorrowedFd<'_>, Errno> {
        match output {
            OutputKind::Stdout => self.stdout.fd(),
            OutputKind::Stderr => self.stderr.fd(),
            OutputKind::Files => self.files.fd(),
        }
    }

    /// Returns whether there is space to read more. (Pipes whose files have no space are paused.)
    pub fn may_read(&self, output: OutputKind) -> bool {
        match output {
            OutputKind::Stdout => with_outputs(|outputs| outputs.sink(Stream::Stdout).has_room()),
            OutputKind::Stderr => with_outputs(|outputs| outputs.sink(Stream::Stderr).has_room()),
            OutputKind::Files => true,
        }
    }

    /// Reads what is there while there is space, at most [`READ_BUDGET`], and writes what can be written. Returns whether
    /// there may be more.
    pub fn read_and_write(&mut self, output: OutputKind) -> bool {
        let mut left = READ_BUDGET;
        while left > 0 && self.may_read(output) {
            let Some(key) = self.group_mut(output).next_ready() else { return false };
            if key >= WRITER_KEYS {
                self.receive(key);
                left = left.saturating_sub(MIN_READ_COST);
                continue;
            }
            let length = if let ReadResult::Bytes(length) = self.read_if_room(output, key) { length } else { 0 };
            left = left.saturating_sub(length.max(MIN_READ_COST));
        }
        true
    }

    /// Reads what a service had written when it exited, while there is space. Another process may have inherited its pipes
    /// and go on writing: not more than a pipe's size is read here. Returns how much there was.
    pub fn read_remaining(&mut self, id: Id) -> usize {
        let mut all = 0;
        for output in [OutputKind::Stdout, OutputKind::Stderr, OutputKind::Files] {
            for key in self.group_mut(output).keys_of(id) {
                let mut left = None;
                while left != Some(0)
                    && self.may_read(output)
                    && let ReadResult::Bytes(length) = self.read_if_room(output, key)
                {
                    // Most have nothing left, and are not asked for their size.
                    let size = || self.group_mut(output).pipe(key).map_or(0, |pipe| pipe.size());
                    left = Some(left.unwrap_or_else(size).saturating_sub(length));
                    all += length;
                }
            }
        }
        all
    }

    /// Returns when [`Self::on_deadline`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.stores.iter().filter_map(|id| self.files_of(*id)?.deadline()).min()
    }

    /// Starts writers again that were killed.
    pub fn on_deadline(&mut self) {
        let now = Now::read();
        for id in self.stores.clone() {
            let started = self.files_mut(id).is_some_and(|files| files.on_deadline(now));
            self.watch_writer(id, started);
        }
    }

    pub(super) fn group_mut(&mut self, output: OutputKind) -> &mut PipeGroup {
        match output {
            OutputKind::Stdout => &mut self.stdout,
            OutputKind::Stderr => &mut self.stderr,
            OutputKind::Files => &mut self.files,
        }
    }

    pub(super) fn files_of(&self, id: Id) -> Option<&FileLog> {
        self.service_logs.get(id.0)?.files()
    }

    pub(super) fn files_mut(&mut self, id: Id) -> Option<&mut FileLog> {
        self.service_logs.get_mut(id.0)?.files_mut()
    }

    /// Reads a pipe once, unless its files have no space.
    fn read_if_room(&mut self, output: OutputKind, key: u64) -> ReadResult {
        let Some(id) = self.group_mut(output).pipe(key).map(|pipe| pipe.service) else { return ReadResult::WouldBlock };
        if output == OutputKind::Files && self.files_of(id).is_some_and(|files| !files.has_room()) {
            let keys = self.files.keys_of(id);
            keys.into_iter().for_each(|key| self.files.pause(key));
            return ReadResult::WouldBlock;
        }
        self.read_pipe(output, key)
    }

    pub(super) fn read_pipe(&mut self, output: OutputKind, key: u64) -> ReadResult {
        if self.chunk.is_empty() {
            self.chunk = vec![0; READ_SIZE].into();
        }
        let mut chunk = std::mem::take(&mut self.chunk);
        let got = self.group_mut(output).pipe(key).map_or(ReadResult::WouldBlock, |pipe| pipe.read(&mut chunk));
        match got {
            ReadResult::Bytes(length) => self.pass(output, key, chunk.get(..length)),
            ReadResult::EndOfFile => self.end_pipe(output, key),
            ReadResult::WouldBlock => {}
        }
        self.chunk = chunk;
        got
    }

    pub(super) fn end_pipe(&mut self, output: OutputKind, key: u64) {
        self.pass(output, key, None);
        self.group_mut(output).close(key);
    }

    /// Passes bytes of a pipe, or its end of file (`None`), on to its service's route.
    fn pass(&mut self, output: OutputKind, key: u64, bytes: Option<&[u8]>) {
        let now = Now::read();
        let Self { stdout, stderr, files, service_logs, .. } = self;
        let pipe_group = match output {
            OutputKind::Stdout => stdout,
            OutputKind::Stderr => stderr,
            OutputKind::Files => files,
        };
        let Some(pipe) = pipe_group.pipe(key) else { return };
        if let Some(service_log) = service_logs.get_mut(pipe.service.0) {
            service_log.pass(key, pipe, bytes, now);
        }
    }
}
