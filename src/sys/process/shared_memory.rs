//! Children that share PID 1's memory until they execute their program: clone(2) with CLONE_VM. fork(2) copies PID 1's page
//! tables, and afterwards both pay for each page that they write; with 100 services that is a third of a boot. Unlike
//! vfork(2) this does not stop PID 1: a program on a disk that hangs must block only its own service. Must not know what is
//! started.
//!
//! Why a fault in such a child is none in PID 1:
//!
//! - **What it does.** It has a stack of its own behind a page without access, and runs [`child`] alone: nothing is allocated,
//!   no lock is taken, errno stays, nothing panics. It writes nowhere but to that stack.
//! - **What it reads** is kept until it has left the memory, by exec or by its end: the kernel says so in a word that it clears
//!   (CLONE_CHILD_CLEARTID). Kernels leave it where a signal has ended the child; then its reaping says so.
//! - **Signals** are blocked from before the clone until the child has no handlers: none of ours runs in it. A signal that ends
//!   it ends it alone; before Linux 5.16 one that dumps core ended all who shared the memory, so it is not used there.
//! - **Who may trace it** may write to PID 1's memory. It is used only where the child has PID 1's own ids and no more than its
//!   capabilities (`has_own_ids`), so that it is nobody who may not trace PID 1; and as no effective id changes, the kernel
//!   leaves it as it is whether the memory is dumpable (SECURITY fact 3).
//! - **Translators** for other processors have state of their own in the same memory, which is not made for it: not used under
//!   those that are known (`is_translated`).
//! - **The OOM killer** ends all processes that share a memory. The child has no memory of its own, and PID 1's score: it is
//!   chosen when PID 1 would be.
#![allow(unsafe_code)] // clone(2), mmap(2), and what the child reads through a pointer

use std::ffi::{CString, c_void};
use std::mem;
use std::num::NonZeroUsize;
use std::os::fd::RawFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;
use nix::libc;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, mprotect, munmap};
use nix::sys::utsname::uname;
use nix::unistd::{SysconfVar, getegid, sysconf};

use crate::config::service::{Limit, Resource};
use crate::config::values::{Gid, Uid};
use crate::supervise::Pid;
use crate::sys::process::child::{self, ExecPointers};
use crate::sys::process::exec_refusal;
use crate::sys::process::launch::{Launch, Parent, Program};
use crate::sys::process::raw;
use crate::sys::process::spawn_record::encode_unexplained;
use crate::sys::process::translated::is_translated;

/// Many times what the child needs, in a build without optimisation too. Only pages that are written cost memory.
const STACK: usize = 32 * 1024;
/// How many children may be on their way to exec at once; more are forked.
const MOST: usize = 128;
/// How much every kernel takes as arguments and environment, beside a path: 128 KiB with it (ARG_MAX of limits.h). Why more
/// was refused can be said only with all of it at hand.
const MOST_WORDS: usize = 120 * 1024;
/// The first kernel where a core dump ends one process and not all that share its memory.
const KERNEL: (u32, u32) = (5, 16);

/// The children that may still use PID 1's memory.
#[derive(Default)]
pub struct SharedMemory {
    slots: Vec<Slot>,
    /// Whether that is possible here, and its children can say all that forked ones say; `None`: not tried yet.
    is_usable: Option<bool>,
}

/// A stack, and who uses it.
struct Slot {
    stack: Stack,
    /// `None`: nobody does.
    child: Option<(Pid, Box<Job>)>,
}

/// What a child reads.
struct Job {
    /// Zero when the child has left the memory: written by the kernel.
    is_here: AtomicI32,
    launch: Box<Launch>,
    pointers: ExecPointers,
    exec_pipe: RawFd,
}

/// Memory for a stack, with a page before it that cannot be written.
struct Stack {
    start: NonNull<c_void>,
    length: NonZeroUsize,
}

impl SharedMemory {
    /// Starts a child with this launch, or returns the launch: it has to be forked. Signals must be blocked.
    ///
    /// `exec_pipe` is open in this process until the return, and above all descriptors that the launch replaces.
    pub fn spawn(&mut self, launch: Box<Launch>, exec_pipe: RawFd) -> Result<Pid, Box<Launch>> {
        if !is_plain(&launch)
            || !*self
                .is_usable
                .get_or_insert_with(|| is_kernel_safe() && !is_translated() && exec_refusal::is_possible())
        {
            return Err(launch);
        }
        let Some(slot) = self.free_slot() else { return Err(launch) };
        let pointers = ExecPointers::of(&launch);
        let job = Box::new(Job { is_here: AtomicI32::new(1), launch, pointers, exec_pipe });
        let flags = libc::CLONE_VM | libc::CLONE_CHILD_CLEARTID | libc::SIGCHLD;
        let (data, word) = ((&raw const *job).cast_mut().cast::<c_void>(), job.is_here.as_ptr());
        let (parent_word, tls) = (std::ptr::null_mut::<i32>(), std::ptr::null_mut::<c_void>());
        // SAFETY: `enter` runs on a stack that no other child uses, and never returns. What it reads lies in the job, in whose
        // place and in whose strings nothing changes before the kernel has cleared `word` or the child is reaped.
        let pid = unsafe { libc::clone(enter, slot.stack.top(), flags, data, parent_word, tls, word) };
        if pid > 0 {
            slot.child = Some((Pid(pid), job));
            return Ok(Pid(pid));
        }
        if !matches!(Errno::last(), Errno::EAGAIN | Errno::ENOMEM) {
            // An emulator of another processor, or a sandbox, without such children.
            self.is_usable = Some(false);
        }
        Err(job.launch)
    }

    /// Must be called for each process that was reaped.
    pub fn reaped(&mut self, pid: Pid) {
        for slot in &mut self.slots {
            slot.child.take_if(|(of, _)| *of == pid);
        }
    }

    /// Releases what no child uses.
    pub fn release_free(&mut self) {
        self.slots.retain(|slot| !slot.is_free());
        self.slots.shrink_to_fit();
    }

    fn free_slot(&mut self) -> Option<&mut Slot> {
        let at = match self.slots.iter().position(Slot::is_free) {
            Some(at) => at,
            None if self.slots.len() < MOST => {
                self.slots.push(Slot { stack: Stack::new().ok()?, child: None });
                self.slots.len().checked_sub(1)?
            }
            None => return None,
        };
        let slot = self.slots.get_mut(at)?;
        slot.child = None;
        Some(slot)
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        for slot in self.slots.drain(..).filter(|slot| !slot.is_free()) {
            // Its child still needs it.
            mem::forget(slot);
        }
    }
}

impl Slot {
    fn is_free(&self) -> bool {
        self.child.as_ref().is_none_or(|(_, job)| job.has_left())
    }
}

impl Job {
    fn has_left(&self) -> bool {
        // What the child has read happened before the kernel cleared the word.
        self.is_here.load(Ordering::Acquire) == 0
    }
}

impl Stack {
    fn new() -> Result<Self, Errno> {
        let page = sysconf(SysconfVar::PAGE_SIZE)?.and_then(|size| usize::try_from(size).ok()).unwrap_or(4096);
        let length = NonZeroUsize::MIN.saturating_add(page + STACK - 1);
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping, at a place that the kernel chooses.
        let start = unsafe { mmap_anonymous(None, length, access, MapFlags::MAP_PRIVATE | MapFlags::MAP_STACK) }?;
        let stack = Self { start, length };
        // SAFETY: the first page of the mapping, which nothing uses.
        unsafe { mprotect(start, page, ProtFlags::PROT_NONE) }?;
        Ok(stack)
    }

    /// Where a stack begins that grows downwards; aligned as a page is.
    fn top(&self) -> *mut c_void {
        // SAFETY: the end of the mapping.
        unsafe { self.start.as_ptr().byte_add(self.length.get()) }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and nobody uses it any more.
        let unmapped = unsafe { munmap(self.start, self.length.get()) };
        debug_assert!(unmapped.is_ok(), "a mapping of our own");
    }
}

/// Returns whether a child of this launch does nothing that it may not do in PID 1's memory, and can say all that a forked one
/// would: its limits leave room for [`exec_refusal`].
fn is_plain(launch: &Launch) -> bool {
    let is_of_memory = |limit: &Limit| matches!(limit.resource, Resource::As | Resource::Data | Resource::Stack);
    let size = |word: &CString| word.as_bytes_with_nul().len() + size_of::<usize>();
    has_own_ids(launch)
        && matches!(launch.program, Program::Path(_))
        && launch.environment_file.is_none()
        && launch.shortcut.is_none()
        && !launch.limits.iter().any(is_of_memory)
        && launch.argv.iter().chain(&launch.env).map(size).sum::<usize>() < MOST_WORDS
}

/// Returns whether the child has the ids of this process.
fn has_own_ids(launch: &Launch) -> bool {
    match launch.parent {
        Parent::App => true,
        Parent::Root => launch.credentials.uid == Uid::ROOT && launch.credentials.gid == Gid(getegid().as_raw()),
        Parent::AppWithCapabilities => false,
    }
}

fn is_kernel_safe() -> bool {
    let release = uname().ok();
    let release = release.as_ref().and_then(|name| name.release().to_str());
    release.and_then(version).is_some_and(|version| version >= KERNEL)
}

/// `6.18.44-fc`, `5.16-rc1`
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|byte: char| !byte.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

extern "C" fn enter(job: *mut c_void) -> libc::c_int {
    // SAFETY: the pointer that `spawn` has passed; what it points to stays until this process leaves the memory, and PID 1
    // writes nothing in it.
    let job = unsafe { &*job.cast::<Job>() };
    if let Program::Path(program) = &job.launch.program
        && child::set_up_or_report(&job.launch, &job.pointers, job.exec_pipe)
    {
        let errno = child::execute_first(program, &job.launch, &job.pointers);
        child::write_report(job.exec_pipe, encode_unexplained(errno), b"");
        exec_refusal::explain(job.exec_pipe, errno, program);
    }
    raw::exit(child::EXIT_REFUSED)
}

#[cfg(test)]
#[path = "shared_memory_tests.rs"]
mod tests;
