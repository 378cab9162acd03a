//! [`Compressor`]: gzip of a file that is full, a bounded chunk at a time, so that lines are written meanwhile. Safe to be
//! killed at any point: the original is removed last, when the compressed file is on the disk under its final name.
#![allow(unsafe_code)] // sync_file_range(2)

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;

use flate2::Compression;
use flate2::write::GzEncoder;
use nix::libc;

use super::directory::StoreDirectory;
use super::names::FileState;
use crate::log::clock::Timestamp;

/// Bytes compressed at a time: about a millisecond's work.
const READ_SIZE: usize = 64 * 1024;

/// A compression that is under way.
#[derive(Debug)]
pub struct Compressor {
    stamp: Timestamp,
    from: File,
    to: GzEncoder<File>,
    chunk: Box<[u8]>,
}

impl Compressor {
    /// Opens a file to compress; `None` if it is gone or not a regular file.
    ///
    /// # Errors
    /// When the compressed file cannot be created.
    pub fn start(directory: &StoreDirectory, stamp: Timestamp) -> io::Result<Option<Self>> {
        let Some(from) = directory.open_rotated(stamp) else { return Ok(None) };
        let to = GzEncoder::new(directory.create_compressed(stamp)?, Compression::default());
        Ok(Some(Self { stamp, from, to, chunk: vec![0; READ_SIZE].into() }))
    }

    /// Returns the timestamp of the file that is compressed.
    pub fn stamp(&self) -> Timestamp {
        self.stamp
    }

    /// Compresses the next chunk. Returns `None` when the compressed file has replaced the original.
    ///
    /// # Errors
    /// The kernel's error; the partial file is removed, the original stays.
    pub fn step(mut self, directory: &StoreDirectory) -> io::Result<Option<Self>> {
        match self.compress_chunk() {
            Ok(true) => Ok(Some(self)),
            Ok(false) => {
                let stamp = self.stamp;
                let finished =
                    self.to.finish().and_then(|file| file.sync_all()).and_then(|()| directory.commit_compressed(stamp));
                finished.inspect_err(|_| directory.remove(stamp, FileState::Partial)).map(|()| None)
            }
            Err(cause) => {
                self.discard(directory);
                Err(cause)
            }
        }
    }

    /// Removes the partial file; the original stays.
    pub fn discard(self, directory: &StoreDirectory) {
        directory.remove(self.stamp, FileState::Partial);
    }

    fn compress_chunk(&mut self) -> io::Result<bool> {
        let length = match self.from.read(&mut self.chunk) {
            Ok(length) => length,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => return Ok(true),
            Err(cause) => return Err(cause),
        };
        self.to.write_all(self.chunk.get(..length).unwrap_or_default())?;
        // Starts writeback now, so that the sync at the end has little to wait for.
        // SAFETY: takes numbers only; a file system that cannot do it refuses, which changes nothing.
        unsafe { libc::sync_file_range(self.to.get_ref().as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE) };
        Ok(length > 0)
    }
}
