//! [`Packing`]: gzip of a file that is full, a bounded piece at a time, so that the loop turns meanwhile. Safe to be killed
//! anywhere: the plain file goes last, when the whole packed one is on the disk under its name.
#![allow(unsafe_code)] // sync_file_range(2)

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;

use flate2::Compression;
use flate2::write::GzEncoder;
use nix::libc;

use super::directory::Directory;
use super::names::Form;
use crate::log::clock::Stamp;

/// What one turn reads: about a millisecond's work.
const AT_ONCE: usize = 64 * 1024;

/// A compression that is under way.
#[derive(Debug)]
pub struct Packing {
    stamp: Stamp,
    from: File,
    to: GzEncoder<File>,
    chunk: Box<[u8]>,
}

impl Packing {
    /// Begins with a file; `None` if it is gone or no regular one.
    ///
    /// # Errors
    /// When the new file cannot be made.
    pub fn begin(directory: &Directory, stamp: Stamp) -> io::Result<Option<Self>> {
        let Some(from) = directory.older(stamp) else { return Ok(None) };
        let to = GzEncoder::new(directory.begin(stamp)?, Compression::default());
        Ok(Some(Self { stamp, from, to, chunk: vec![0; AT_ONCE].into() }))
    }

    /// Returns which file it is about.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Compresses the next piece. Returns `None` when the packed file has taken the plain one's place.
    ///
    /// # Errors
    /// The kernel's answer; what was begun is removed, the plain file stays.
    pub fn step(mut self, directory: &Directory) -> io::Result<Option<Self>> {
        match self.piece() {
            Ok(true) => Ok(Some(self)),
            Ok(false) => {
                let stamp = self.stamp;
                let finished = self.to.finish().and_then(|file| file.sync_all()).and_then(|()| directory.finish(stamp));
                finished.inspect_err(|_| directory.remove(stamp, Form::Begun)).map(|()| None)
            }
            Err(cause) => {
                self.give_up(directory);
                Err(cause)
            }
        }
    }

    /// Leaves the plain file as it is.
    pub fn give_up(self, directory: &Directory) {
        directory.remove(self.stamp, Form::Begun);
    }

    fn piece(&mut self) -> io::Result<bool> {
        let length = match self.from.read(&mut self.chunk) {
            Ok(length) => length,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => return Ok(true),
            Err(cause) => return Err(cause),
        };
        self.to.write_all(self.chunk.get(..length).unwrap_or_default())?;
        // The disk begins now, so that the sync at the end finds little to wait for.
        // SAFETY: takes numbers only; a file system that cannot do it refuses, which changes nothing.
        unsafe { libc::sync_file_range(self.to.get_ref().as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE) };
        Ok(length > 0)
    }
}
