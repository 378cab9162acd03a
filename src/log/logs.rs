//! [`Logs`]: every service's pipes, read as far as there is room where its lines go: the container's outputs, tagged or as
//! JSON, or files. What passes is kept a while ([`super::ring`]). The loop turns it; nothing in here waits.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use nix::errno::Errno;
use tokio::sync::mpsc::Receiver;

use super::clock::Now;
use super::files::{Change, FileLog};
use super::own_messages::{Stream, with_outputs};
use super::pipe_group::{Got, PipeGroup};
use super::ring::{Followed, Line};
use super::source::{LogRoute, Shape, Source};
use super::split::{LONGEST, LONGEST_OF_FILE};
use crate::supervise::Id;
use crate::sys::files::name::shown_path;

/// What is read from one pipe before the next one has its turn: as much as one usually holds.
const AT_ONCE: usize = 64 * 1024;
/// What is read for each way in one turn of the loop, from all pipes together: a flood must not keep signals, exits,
/// deadlines and callers waiting. 2-byte lines as JSON take some milliseconds.
pub const SHARE: usize = 256 * 1024;
/// A read counts for at least so much: its cost is not in its bytes alone.
const LEAST: usize = 1024;
/// Reads from one pipe at the end of everything: more than it holds, and bounded should somebody go on writing.
pub(super) const MOST_AT_END: usize = 64;

/// The keys of writers' sockets among those of pipes: behind them all. Then come writers that end.
const WRITERS: u64 = 1 << 62;
const CLOSING: u64 = 1 << 63;

/// The ways that bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputKind {
    /// To the container's stdout.
    Stdout,
    /// To the container's stderr.
    Stderr,
    /// To files.
    Files,
}

/// Everything that services say.
#[derive(Debug)]
pub struct Logs {
    stdout: PipeGroup,
    stderr: PipeGroup,
    pub(super) files: PipeGroup,
    sources: Vec<Source>,
    /// Sources with files, so that nobody has to look at all.
    pub(super) stores: Vec<Id>,
    /// Files that nobody writes to any more, until their writers have ended.
    pub(super) closing: HashMap<u64, FileLog>,
    next_closing: u64,
    chunk: Box<[u8]>,
}

impl Logs {
    /// Returns the logs of these services, in the order of the engine's ids.
    ///
    /// # Errors
    /// When no epoll descriptor can be had.
    pub fn new(routes: impl IntoIterator<Item = LogRoute>) -> Result<Self, Errno> {
        let mut logs = Self {
            stdout: PipeGroup::new()?,
            stderr: PipeGroup::new()?,
            files: PipeGroup::new()?,
            sources: Vec::new(),
            stores: Vec::new(),
            closing: HashMap::new(),
            next_closing: CLOSING,
            chunk: Box::default(),
        };
        for (at, route) in routes.into_iter().enumerate() {
            logs.set(Id(at), route);
        }
        logs.tell_sinks();
        Ok(logs)
    }

    /// Gives a service, new or known, a route. What it wrote before is kept; its pipes go where they went.
    pub fn put(&mut self, id: Id, route: LogRoute) {
        if self.set(id, route) {
            self.tell_sinks();
        }
    }

    /// Returns whether a pipe of that service is open: somebody may still write to it.
    pub fn reads(&self, id: Id) -> bool {
        [&self.stdout, &self.stderr, &self.files].into_iter().any(|pipe_group| pipe_group.has(id))
    }

    /// There is no such service any more, and none of its pipes: what is kept of it is let go, and its files are closed.
    pub fn remove(&mut self, id: Id) {
        self.give_up_store(id);
        if let Some(source) = self.sources.get_mut(id.0) {
            // Nothing passes, but not because it holds the container's outputs itself.
            *source = Source { route: LogRoute::Plain, shape: Shape::Plain, ..Source::default() };
        }
        self.tell_sinks();
    }

    /// Returns whether that is another route than before.
    fn set(&mut self, id: Id, route: LogRoute) -> bool {
        let is_longer = self.sources.len() <= id.0;
        while self.sources.len() <= id.0 {
            self.sources.push(Source::default());
        }
        if !is_longer && self.sources.get(id.0).is_some_and(|source| source.route == route) {
            return false;
        }
        self.give_up_store(id);
        if matches!(route, LogRoute::Files { .. }) {
            self.stores.push(id);
        }
        if let Some(source) = self.sources.get_mut(id.0) {
            source.give(route);
        }
        true
    }

    fn tell_sinks(&self) {
        let alone = self.sources.iter().all(|source| !matches!(source.shape, Shape::Inherit));
        with_outputs(|outputs| outputs.sinks().for_each(|sink| sink.alone(alone)));
    }

    /// What waits for files that nobody writes any more is written by their writer, which then ends.
    fn give_up_store(&mut self, id: Id) {
        self.stores.retain(|known| *known != id);
        let Some(source) = self.sources.get_mut(id.0) else { return };
        if let Shape::Files(files) = std::mem::take(&mut source.shape) {
            self.close_files(*files);
        }
        let keys = self.files.keys_of(id);
        keys.into_iter().for_each(|key| self.files.unpark(key));
    }

    fn close_files(&mut self, mut files: FileLog) {
        let key = self.next_closing;
        self.next_closing += 1;
        files.close();
        let watched = files.socket().map(|socket| {
            self.files.unwatch(socket);
            self.files.watch(socket, key)
        });
        match watched {
            Some(Ok(())) => drop(self.closing.insert(key, files)),
            Some(Err(_)) | None => files.give_up(),
        }
    }

    /// Returns whether a service writes to pipes of ours.
    pub fn takes(&self, id: Id) -> bool {
        self.sources.get(id.0).is_some_and(|source| !matches!(source.shape, Shape::Inherit))
    }

    /// Takes the read end (O_NONBLOCK) of a pipe to which a service writes.
    ///
    /// # Errors
    /// When it cannot be watched.
    pub fn add(&mut self, id: Id, stream: Stream, pipe: OwnedFd) -> Result<(), Errno> {
        self.begin_files(id);
        let Some(source) = self.sources.get_mut(id.0) else { return Err(Errno::EINVAL) };
        match (&mut source.shape, stream) {
            (Shape::Files(_), _) => self.files.add(pipe, id, stream, LONGEST_OF_FILE),
            (Shape::Inherit | Shape::Plain | Shape::Tagged(_) | Shape::Json(_), Stream::Stdout) => {
                self.stdout.add(pipe, id, stream, LONGEST)
            }
            (Shape::Inherit | Shape::Plain | Shape::Tagged(_) | Shape::Json(_), Stream::Stderr) => {
                self.stderr.add(pipe, id, stream, LONGEST)
            }
        }
    }

    /// Has a service's files opened, at each of its starts. Where that will never do its lines go elsewhere rather than have
    /// it wait for ever (`--user` with a directory that is root's).
    pub(super) fn begin_files(&mut self, id: Id) {
        let Some(source) = self.sources.get_mut(id.0) else { return };
        if source.is_diverted() {
            source.give(source.route.clone());
            self.stores.push(id);
        }
        let started = source.files_mut().is_some_and(|files| files.begin(Now::read()));
        self.watch_writer(id, started);
    }

    fn watch_writer(&self, id: Id, started: bool) {
        if let Some(socket) = self.files_of(id).and_then(FileLog::socket).filter(|_| started) {
            // Out of memory, at worst: it is listened to whenever one of its service's pipes is read.
            let _unwatched = self.files.watch(socket, WRITERS + id.0 as u64);
        }
    }

    /// Listens to a writer.
    fn listen(&mut self, key: u64) {
        let now = Now::read();
        if let Some(files) = self.closing.get_mut(&key) {
            match files.listen(now) {
                Change::None => {}
                Change::Never(_) | Change::Ended => {
                    if let Some(mut files) = self.closing.remove(&key) {
                        files.give_up();
                    }
                }
            }
            return;
        }
        let Some(id) = key.checked_sub(WRITERS).and_then(|at| usize::try_from(at).ok()).map(Id) else { return };
        let Some(files) = self.files_mut(id) else { return };
        match files.listen(now) {
            Change::None if !files.has_room() => {}
            Change::None => {
                let keys = self.files.keys_of(id);
                keys.into_iter().for_each(|key| self.files.unpark(key));
            }
            Change::Ended => {}
            Change::Never(why) => self.divert(id, &why),
        }
    }

    /// Lets the lines of a service go elsewhere: its files can never be written.
    fn divert(&mut self, id: Id, why: &str) {
        self.stores.retain(|known| *known != id);
        let Some(source) = self.sources.get_mut(id.0) else { return };
        if let (LogRoute::Files { name, to, user, .. }, false) = (&source.route, source.told) {
            let (at, (uid, gid)) = (shown_path(&to.path), user.ids());
            tracing::warn!(
                "{name}: {why}; its lines go to the container's output instead. Mount something there that \
                {uid}:{gid} can write, such as `tmpfs: [\"{at}:uid={uid},gid={gid}\"]` or a volume"
            );
        }
        source.told = true;
        if let Some(mut files) = source.divert() {
            files.close();
            files.give_up();
        }
        for key in self.files.keys_of(id) {
            let Some(pipe) = self.files.take(key) else { continue };
            let pipe_group = match pipe.stream {
                Stream::Stdout => &mut self.stdout,
                Stream::Stderr => &mut self.stderr,
            };
            // A pipe that cannot be watched is closed, and its writer gets EPIPE instead of waiting for ever.
            let _unwatched = pipe_group.adopt(pipe);
        }
    }

    /// Returns which of a service's files cannot be written and why, while that is so: it may have to wait.
    pub fn trouble(&self, id: Id) -> Option<&str> {
        self.files_of(id)?.trouble()
    }

    /// Returns what becomes readable when one of the pipes does.
    pub fn pipe_group(&self, way: OutputKind) -> BorrowedFd<'_> {
        match way {
            OutputKind::Stdout => self.stdout.as_fd(),
            OutputKind::Stderr => self.stderr.as_fd(),
            OutputKind::Files => self.files.as_fd(),
        }
    }

    /// Returns whether there is room to read more. (Pipes of files that cannot be written are not in their lane.)
    pub fn may_read(&self, way: OutputKind) -> bool {
        match way {
            OutputKind::Stdout => with_outputs(|outputs| outputs.sink(Stream::Stdout).has_room()),
            OutputKind::Stderr => with_outputs(|outputs| outputs.sink(Stream::Stderr).has_room()),
            OutputKind::Files => true,
        }
    }

    /// Reads what is there, as long as there is room and at most its share of a turn, and writes what goes. Returns whether
    /// there may be more.
    pub fn pump(&mut self, way: OutputKind) -> bool {
        let mut left = SHARE;
        while left > 0 && self.may_read(way) {
            let Some(key) = self.of(way).next_ready() else { return false };
            if key >= WRITERS {
                self.listen(key);
                left = left.saturating_sub(LEAST);
                continue;
            }
            let length = if let Got::Bytes(length) = self.read(way, key) { length } else { 0 };
            left = left.saturating_sub(length.max(LEAST));
        }
        true
    }

    /// Reads what a service had said when it died, as far as there is room: for the moment when it has just died. Somebody
    /// else may hold its pipes and go on; that is read in its turn. Returns how much there was.
    pub fn catch_up(&mut self, id: Id) -> usize {
        let mut all = 0;
        for way in [OutputKind::Stdout, OutputKind::Stderr, OutputKind::Files] {
            for key in self.of(way).keys_of(id) {
                let mut left = self.of(way).pipe(key).map_or(0, |pipe| pipe.size());
                while left > 0
                    && self.may_read(way)
                    && let Got::Bytes(length) = self.read(way, key)
                {
                    left = left.saturating_sub(length);
                    all += length;
                }
            }
        }
        all
    }

    /// Returns the last `most` lines of a service, the oldest first; `None` if it inherits the container's outputs, so
    /// that its lines never came by.
    pub fn last(&self, id: Id, most: usize) -> Option<Vec<Line>> {
        self.takes(id).then(|| self.sources.get(id.0).map(|source| source.tail.last(most)).unwrap_or_default())
    }

    /// Returns a service's lines from now on, of which at most `room` wait: see [`super::ring::Tail::follow`]. `None` as above.
    pub fn follow(&mut self, id: Id, room: usize) -> Option<Receiver<Followed>> {
        let taken = self.takes(id);
        self.sources.get_mut(id.0).filter(|_| taken).map(|source| source.tail.follow(room))
    }

    /// Returns when [`Self::tick`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.stores.iter().filter_map(|id| self.files_of(*id)?.deadline()).min()
    }

    /// Starts writers again that were killed.
    pub fn tick(&mut self) {
        let now = Now::read();
        for id in self.stores.clone() {
            let started = self.files_mut(id).is_some_and(|files| files.tick(now));
            self.watch_writer(id, started);
        }
    }

    pub(super) fn of(&mut self, way: OutputKind) -> &mut PipeGroup {
        match way {
            OutputKind::Stdout => &mut self.stdout,
            OutputKind::Stderr => &mut self.stderr,
            OutputKind::Files => &mut self.files,
        }
    }

    pub(super) fn files_of(&self, id: Id) -> Option<&FileLog> {
        self.sources.get(id.0)?.files()
    }

    pub(super) fn files_mut(&mut self, id: Id) -> Option<&mut FileLog> {
        self.sources.get_mut(id.0)?.files_mut()
    }

    /// Reads a pipe once, unless its files have no room.
    fn read(&mut self, way: OutputKind, key: u64) -> Got {
        let Some(id) = self.of(way).pipe(key).map(|pipe| pipe.from) else { return Got::Nothing };
        if way == OutputKind::Files && self.files_of(id).is_some_and(|files| !files.has_room()) {
            let keys = self.files.keys_of(id);
            keys.into_iter().for_each(|key| self.files.park(key));
            return Got::Nothing;
        }
        self.take(way, key)
    }

    pub(super) fn take(&mut self, way: OutputKind, key: u64) -> Got {
        if self.chunk.is_empty() {
            self.chunk = vec![0; AT_ONCE].into();
        }
        let mut chunk = std::mem::take(&mut self.chunk);
        let got = self.of(way).pipe(key).map_or(Got::Nothing, |pipe| pipe.read(&mut chunk));
        match got {
            Got::Bytes(length) => self.pass(way, key, chunk.get(..length)),
            Got::End => self.end(way, key),
            Got::Nothing => {}
        }
        self.chunk = chunk;
        got
    }

    pub(super) fn end(&mut self, way: OutputKind, key: u64) {
        self.pass(way, key, None);
        self.of(way).forget(key);
    }

    /// Passes bytes of a pipe, or its end, on to where its lines go.
    fn pass(&mut self, way: OutputKind, key: u64, bytes: Option<&[u8]>) {
        let now = Now::read();
        let Self { stdout, stderr, files, sources, .. } = self;
        let pipe_group = match way {
            OutputKind::Stdout => stdout,
            OutputKind::Stderr => stderr,
            OutputKind::Files => files,
        };
        let Some(pipe) = pipe_group.pipe(key) else { return };
        if let Some(source) = sources.get_mut(pipe.from.0) {
            source.pass(key, pipe, bytes, now);
        }
    }
}
