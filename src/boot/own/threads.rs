//! The threads of a walk: one for a small tree, several for a large one. Must not know how they share their work.

use std::os::fd::OwnedFd;
use std::panic::resume_unwind;
use std::thread;

use super::progress_timer::ProgressTimer;
use super::report::{Tally, WalkProgress};
use super::walk::Walk;
use super::worker::{RemainingWork, Worker};
use crate::sys::files::listing::Listing;
use crate::sys::files::stat::Stat;

/// Trees up to this many entries are walked faster by one thread than a second one could be started.
const MAX_SINGLE_THREADED: u64 = 1024;

/// The stack of a thread; the walk never recurses.
const STACK_SIZE: usize = 256 * 1024;

/// The result of a walk.
pub(super) struct WalkOutcome {
    pub tally: Tally,
    pub entries: u64,
    pub interrupted: bool,
}

impl Walk<'_> {
    /// Walks everything below a pinned directory and changes it last. All threads are joined when it returns.
    pub fn run(&self, pin: &OwnedFd, stat: Stat, progress: &mut dyn FnMut(&WalkProgress)) -> WalkOutcome {
        let mut worker = Worker::new(self, Some(ProgressTimer::new(progress)));
        let mut listing = Listing::new();
        worker.begin(pin, stat);
        let tally = thread::scope(|scope| {
            let mut helpers = Vec::new();
            if worker.work(&mut listing, Some(MAX_SINGLE_THREADED)) == RemainingWork::Much {
                for _ in 1..self.threads {
                    self.begin_work();
                    let builder = thread::Builder::new().name("own".to_owned()).stack_size(STACK_SIZE);
                    match builder.spawn_scoped(scope, || self.run_helper()) {
                        Ok(helper) => helpers.push(helper),
                        Err(_) => {
                            self.end_work(); // a limit on processes: continue with fewer threads
                            break;
                        }
                    }
                }
                worker.work(&mut listing, None);
            }
            let mut tally = worker.into_tally();
            for helper in helpers {
                tally.add(helper.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
            tally
        });
        WalkOutcome { tally, entries: self.count(0), interrupted: self.was_interrupted() }
    }

    /// The work of a further thread.
    fn run_helper(&self) -> Tally {
        let _guard = HelperGuard(self);
        let mut helper = Worker::new(self, None);
        helper.work(&mut Listing::new(), None);
        helper.into_tally()
    }
}

/// Releases the other threads if a helper panics: they must not wait for its jobs. The panic is passed to the caller.
struct HelperGuard<'w, 'a>(&'w Walk<'a>);

impl Drop for HelperGuard<'_, '_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.end_work();
        }
    }
}
