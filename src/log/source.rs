//! [`Source`]: one service, as its lines come: the format that they get, the place where they go, and the last of them. Must
//! not know descriptors.

use memchr::memrchr;

use super::clock::Now;
use super::files::FileLog;
use super::json::{self, Head};
use super::lines;
use super::own_messages::{Stream, with_outputs};
use super::pipe_group::Pipe;
use super::ring::Tail;
use super::split::Piece;
use crate::config::service::LogDirectory;
use crate::sys::privilege::FilesOf;

/// Where a service's lines go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LogRoute {
    /// It holds the container's outputs itself; nothing passes through us.
    #[default]
    Inherit,
    /// To the container's outputs, each line as it is: a terminal is not put into a service's hands.
    Plain,
    /// To the container's outputs, each line behind this tag.
    Tagged(String),
    /// To the container's outputs, as objects of this service.
    Json(String),
    /// Into files, with the rights of this user; the name is for our own messages.
    Files {
        /// The service.
        name: String,
        /// As declared.
        to: LogDirectory,
        /// Its user.
        user: FilesOf,
        /// Where its lines go if those files can never be written.
        instead: Box<Self>,
    },
}

/// One service.
#[derive(Debug, Default)]
pub struct Source {
    /// Where its lines go, as it was given.
    pub route: LogRoute,
    /// The same, made ready.
    pub shape: Shape,
    /// The last of them.
    pub tail: Tail,
    /// Whether somebody was told that its files cannot be written.
    pub told: bool,
}

/// A [`LogRoute`], made ready.
#[derive(Debug, Default)]
pub enum Shape {
    /// Nothing passes.
    #[default]
    Inherit,
    /// As it is.
    Plain,
    /// The tag.
    Tagged(Box<[u8]>),
    /// What objects of stdout and of stderr have between time and line.
    Json(Box<[Head; 2]>),
    /// The files.
    Files(Box<FileLog>),
}

impl Shape {
    fn of(route: LogRoute) -> Self {
        match route {
            LogRoute::Inherit => Shape::Inherit,
            LogRoute::Plain => Shape::Plain,
            LogRoute::Tagged(tag) => Shape::Tagged(tag.into_bytes().into()),
            LogRoute::Json(name) => Shape::Json(Box::new([Head::new(&name, "stdout"), Head::new(&name, "stderr")])),
            LogRoute::Files { name, to, user, .. } => Shape::Files(Box::new(FileLog::new(&name, to, user))),
        }
    }
}

impl Source {
    /// Gives it another route.
    pub fn give(&mut self, route: LogRoute) {
        self.told &= self.route == route;
        self.route = route.clone();
        self.shape = Shape::of(route);
    }

    /// Returns its files, if its lines go to files.
    pub fn files(&self) -> Option<&FileLog> {
        match &self.shape {
            Shape::Files(files) => Some(files),
            Shape::Inherit | Shape::Plain | Shape::Tagged(_) | Shape::Json(_) => None,
        }
    }

    /// The same, to be changed.
    pub fn files_mut(&mut self) -> Option<&mut FileLog> {
        match &mut self.shape {
            Shape::Files(files) => Some(files),
            Shape::Inherit | Shape::Plain | Shape::Tagged(_) | Shape::Json(_) => None,
        }
    }

    /// Returns whether its lines are to go to files and do not.
    pub fn is_diverted(&self) -> bool {
        matches!(self.route, LogRoute::Files { .. }) && !matches!(self.shape, Shape::Files(_))
    }

    /// Has its lines go elsewhere, for as long as the files of its route cannot be written. Returns those files.
    pub fn divert(&mut self) -> Option<FileLog> {
        let LogRoute::Files { instead, .. } = &self.route else { return None };
        match std::mem::replace(&mut self.shape, Shape::of(LogRoute::clone(instead))) {
            Shape::Files(files) => Some(*files),
            Shape::Inherit | Shape::Plain | Shape::Tagged(_) | Shape::Json(_) => None,
        }
    }

    /// Passes bytes of a pipe with that key, or its end, on to where its lines go.
    pub fn pass(&mut self, key: u64, pipe: &mut Pipe, bytes: Option<&[u8]>, now: Now) {
        let Self { shape, tail, .. } = self;
        let stream = pipe.stream;
        // All bytes are looked at together, which is faster than line by line; what an unfinished line begins with counts.
        let check = match shape {
            Shape::Tagged(_) => lines::are_harmless,
            Shape::Json(_) => json::are_plain,
            Shape::Inherit | Shape::Plain | Shape::Files(_) => |_: &[u8]| false,
        };
        let plain = pipe.plain && bytes.is_none_or(check);
        pipe.plain = plain
            || bytes.is_some_and(|bytes| {
                memrchr(b'\n', bytes).is_some_and(|at| check(bytes.get(at..).unwrap_or_default()))
            });
        let mut split = |to: &mut dyn FnMut(Piece<'_>)| match bytes {
            Some(bytes) => pipe.splitter.feed(bytes, to),
            None => pipe.splitter.finish(to),
        };
        match shape {
            Shape::Files(files) => {
                split(&mut |piece| {
                    files.push(key, piece);
                    tail.push(now.wall, stream, piece);
                });
                files.flush();
            }
            Shape::Tagged(tag) => with_outputs(|outputs| {
                let sink = outputs.sink(stream);
                let out = sink.buffer();
                split(&mut |piece| {
                    lines::tagged(tag, piece, plain, out);
                    tail.push(now.wall, stream, piece);
                });
                sink.flush();
            }),
            Shape::Json(heads) => with_outputs(|outputs| {
                let sink = outputs.sink(stream);
                let out = sink.buffer();
                let [first, second] = heads.as_ref();
                let time = now.wall.rfc3339();
                let head = if stream == Stream::Stdout { first } else { second };
                split(&mut |piece| {
                    json::object(&time, head, piece, plain, out);
                    tail.push(now.wall, stream, piece);
                });
                sink.flush();
            }),
            // Inherit: it was given another route while its pipes were open.
            Shape::Inherit | Shape::Plain => with_outputs(|outputs| {
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
