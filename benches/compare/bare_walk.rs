//! The floor of an ownership walk: threads that share a stack of paths, list each directory, read the metadata of each entry, and change nothing.
#![allow(unsafe_code, clippy::unwrap_used)] // the very calls, without a library around them; it measures

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::libc;

/// Walks with so many threads.
pub fn walk(top: &Path, threads: usize) {
    let stack = Mutex::new(vec![CString::new(top.as_os_str().as_bytes()).unwrap()]);
    let pending = AtomicUsize::new(1);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut buffer = vec![0_u8; 64 * 1024];
                while pending.load(Ordering::Acquire) > 0 {
                    let next = stack.lock().unwrap().pop();
                    let Some(path) = next else {
                        std::hint::spin_loop();
                        continue;
                    };
                    let below = list(&path, &mut buffer);
                    pending.fetch_add(below.len(), Ordering::AcqRel);
                    stack.lock().unwrap().extend(below);
                    pending.fetch_sub(1, Ordering::AcqRel);
                }
            });
        }
    });
}

fn list(path: &CStr, buffer: &mut [u8]) -> Vec<CString> {
    let mut below = Vec::new();
    // SAFETY: a NUL-terminated path; the descriptor is owned from here on; the buffers are as long as given.
    unsafe {
        let number = libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC);
        assert!(number >= 0);
        let handle = OwnedFd::from_raw_fd(number);
        loop {
            let read = libc::syscall(libc::SYS_getdents64, handle.as_raw_fd(), buffer.as_mut_ptr(), buffer.len());
            let read = usize::try_from(read).unwrap();
            if read == 0 {
                return below;
            }
            let mut at = 0;
            while at < read {
                let length = usize::from(u16::from_ne_bytes([buffer[at + 16], buffer[at + 17]]));
                let name = CStr::from_bytes_until_nul(&buffer[at + 19..at + length]).unwrap();
                if name != c"." && name != c".." {
                    let mut out = std::mem::MaybeUninit::<libc::statx>::uninit();
                    libc::statx(
                        handle.as_raw_fd(),
                        name.as_ptr(),
                        libc::AT_SYMLINK_NOFOLLOW,
                        libc::STATX_TYPE | libc::STATX_UID | libc::STATX_GID,
                        out.as_mut_ptr(),
                    );
                    if buffer[at + 18] == libc::DT_DIR {
                        let path = [path.to_bytes(), b"/", name.to_bytes()].concat();
                        below.push(CString::new(path).unwrap());
                    }
                }
                at += length;
            }
        }
    }
}
