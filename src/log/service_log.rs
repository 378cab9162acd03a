//! [`ServiceLog`]: the log of one service: the format of its lines, where they go, and the last of them. Must not know
//! descriptors.

use std::sync::Arc;

use memchr::memrchr;

use super::clock::Now;
use super::files::FileLog;
use super::json::{self, ObjectHead};
use super::lines;
use super::own_messages::{Stream, with_outputs};
use super::pipe_group::Pipe;
use super::split::Piece;
use super::tail::Tail;
use crate::config::service::LogDirectory;
use crate::sys::file_user::FileUser;

/// Where a service's lines go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LogRoute {
    /// The service inherits the container's outputs; PID 1 does not read them.
    #[default]
    Inherit,
    /// To the container's outputs, each line unchanged. Used instead of `Inherit` where the service must not get the
    /// terminal.
    Plain,
    /// To the container's outputs, each line prefixed with this tag.
    Tagged(Arc<str>),
    /// To the container's outputs, as JSON objects with this service name.
    Json(Arc<str>),
    /// Into files, written with the rights of this user.
    Files(Box<FileRoute>),
}

/// Where the lines of a service with log files go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRoute {
    /// The service's name, for our own messages.
    pub name: Arc<str>,
    /// The directory and its limits.
    pub to: LogDirectory,
    /// The service's user.
    pub user: FileUser,
    /// Where its lines go if the files cannot be written.
    pub fallback: LogRoute,
}

/// The log of one service.
#[derive(Debug, Default)]
pub struct ServiceLog {
    /// The route as configured.
    pub route: LogRoute,
    /// The route in use: the configured one, or its fallback.
    pub active: ActiveRoute,
    /// The last lines.
    pub tail: Tail,
    /// How many bytes were read of it.
    pub bytes: u64,
    /// Whether the switch to the fallback was reported.
    pub fallback_reported: bool,
}

/// A [`LogRoute`] with what is needed to write lines to it.
#[derive(Debug, Default)]
pub enum ActiveRoute {
    /// PID 1 reads nothing.
    #[default]
    Inherit,
    /// Lines unchanged.
    Plain,
    /// Lines prefixed with this tag.
    Tagged(Arc<str>),
    /// JSON objects; the parts between time and line for stdout and stderr.
    Json(Box<[ObjectHead; 2]>),
    /// Lines in files.
    Files(Box<FileLog>),
}

impl ActiveRoute {
    fn of(route: LogRoute) -> Self {
        match route {
            LogRoute::Inherit => ActiveRoute::Inherit,
            LogRoute::Plain => ActiveRoute::Plain,
            LogRoute::Tagged(tag) => ActiveRoute::Tagged(tag),
            LogRoute::Json(name) => {
                ActiveRoute::Json(Box::new([ObjectHead::new(&name, "stdout"), ObjectHead::new(&name, "stderr")]))
            }
            LogRoute::Files(route) => ActiveRoute::Files(Box::new(FileLog::new(&route.name, route.to, route.user))),
        }
    }
}

impl ServiceLog {
    /// Sets the route.
    pub fn set_route(&mut self, route: LogRoute) {
        self.fallback_reported &= self.route == route;
        self.route = route.clone();
        self.active = ActiveRoute::of(route);
    }

    /// Returns its log files, if the active route has any.
    pub fn files(&self) -> Option<&FileLog> {
        match &self.active {
            ActiveRoute::Files(files) => Some(files),
            ActiveRoute::Inherit | ActiveRoute::Plain | ActiveRoute::Tagged(_) | ActiveRoute::Json(_) => None,
        }
    }

    /// Returns its log files, if the active route has any.
    pub fn files_mut(&mut self) -> Option<&mut FileLog> {
        match &mut self.active {
            ActiveRoute::Files(files) => Some(files),
            ActiveRoute::Inherit | ActiveRoute::Plain | ActiveRoute::Tagged(_) | ActiveRoute::Json(_) => None,
        }
    }

    /// Returns whether the fallback is used instead of the configured files.
    pub fn is_diverted(&self) -> bool {
        matches!(self.route, LogRoute::Files(_)) && !matches!(self.active, ActiveRoute::Files(_))
    }

    /// Switches to the fallback because the files cannot be written. Returns the files.
    pub fn divert(&mut self) -> Option<FileLog> {
        let LogRoute::Files(configured) = &self.route else { return None };
        match std::mem::replace(&mut self.active, ActiveRoute::of(configured.fallback.clone())) {
            ActiveRoute::Files(files) => Some(*files),
            ActiveRoute::Inherit | ActiveRoute::Plain | ActiveRoute::Tagged(_) | ActiveRoute::Json(_) => None,
        }
    }

    /// Passes bytes of a pipe with that key, or its end of file (`None`), on to the active route.
    pub fn pass(&mut self, key: u64, pipe: &mut Pipe, bytes: Option<&[u8]>, now: Now) {
        self.bytes += bytes.map_or(0, <[u8]>::len) as u64;
        let Self { active, tail, .. } = self;
        let stream = pipe.stream;
        // Checking all bytes at once is faster than line by line; the start of an unfinished line counts too.
        let check = match active {
            ActiveRoute::Tagged(_) => lines::need_no_escape,
            ActiveRoute::Json(_) => json::need_no_escape,
            ActiveRoute::Inherit | ActiveRoute::Plain | ActiveRoute::Files(_) => |_: &[u8]| false,
        };
        let needs_no_escape = pipe.needs_no_escape && bytes.is_none_or(check);
        pipe.needs_no_escape = needs_no_escape
            || bytes.is_some_and(|bytes| {
                memrchr(b'\n', bytes).is_some_and(|at| check(bytes.get(at..).unwrap_or_default()))
            });
        let mut split = |to: &mut dyn FnMut(Piece<'_>)| match bytes {
            Some(bytes) => pipe.splitter.feed(bytes, to),
            None => pipe.splitter.finish(to),
        };
        match active {
            ActiveRoute::Files(files) => {
                split(&mut |piece| {
                    files.push(key, piece);
                    tail.push(now.wall, stream, piece);
                });
                files.flush();
            }
            ActiveRoute::Tagged(tag) => with_outputs(|outputs| {
                let sink = outputs.sink(stream);
                let out = sink.buffer();
                split(&mut |piece| {
                    lines::tagged(tag.as_bytes(), piece, needs_no_escape, out);
                    tail.push(now.wall, stream, piece);
                });
                sink.flush();
            }),
            ActiveRoute::Json(heads) => with_outputs(|outputs| {
                let sink = outputs.sink(stream);
                let out = sink.buffer();
                let [first, second] = heads.as_ref();
                let time = now.wall.rfc3339();
                let head = if stream == Stream::Stdout { first } else { second };
                split(&mut |piece| {
                    json::append_object(&time, head, piece, needs_no_escape, out);
                    tail.push(now.wall, stream, piece);
                });
                sink.flush();
            }),
            // Inherit: the route was changed by a reload while its pipes were open.
            ActiveRoute::Inherit | ActiveRoute::Plain => with_outputs(|outputs| {
                let sink = outputs.sink(stream);
                let out = sink.buffer();
                split(&mut |piece| {
                    out.extend_from_slice(piece.bytes);
                    out.extend((!piece.more).then_some(b'\n'));
                    tail.push(now.wall, stream, piece);
                });
                sink.flush();
            }),
        }
    }
}
