//! The threads of a walk: one for a small tree, several for a large one. Must not know how they share their work.

use std::os::fd::OwnedFd;
use std::panic::resume_unwind;
use std::thread;

use super::progress_timer::ProgressTimer;
use super::report::{Progress, Tally};
use super::walk::Walk;
use super::worker::{RemainingWork, Worker};
use crate::sys::files::listing::Listing;
use crate::sys::files::stat::Stat;

/// Trees up to this many entries are walked before a second thread would have started.
const ALONE_UP_TO: u64 = 1024;

/// What a thread of a walk needs at most; it never recurses.
const STACK: usize = 256 * 1024;

/// What a walk came to.
pub(super) struct Outcome {
    pub tally: Tally,
    pub entries: u64,
    pub interrupted: bool,
}

impl Walk<'_> {
    /// Walks all below a pinned directory and changes it last. All threads are joined when it returns.
    pub fn run(&self, pin: &OwnedFd, stat: Stat, progress: &mut dyn FnMut(&Progress)) -> Outcome {
        let mut me = Worker::new(self, Some(ProgressTimer::new(progress)));
        let mut listing = Listing::new();
        me.begin(pin, stat);
        let tally = thread::scope(|scope| {
            let mut helpers = Vec::new();
            if me.work(&mut listing, Some(ALONE_UP_TO)) == RemainingWork::Much {
                for _ in 1..self.threads {
                    self.begin_work();
                    let builder = thread::Builder::new().name("own".to_owned()).stack_size(STACK);
                    match builder.spawn_scoped(scope, || self.help()) {
                        Ok(helper) => helpers.push(helper),
                        Err(_) => {
                            self.end_work(); // a limit on processes: fewer will do
                            break;
                        }
                    }
                }
                me.work(&mut listing, None);
            }
            let mut tally = me.into_tally();
            for helper in helpers {
                tally.add(helper.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
            tally
        });
        Outcome { tally, entries: self.count(0), interrupted: self.was_interrupted() }
    }

    /// What a further thread does.
    fn help(&self) -> Tally {
        let _guard = Helping(self);
        let mut helper = Worker::new(self, None);
        helper.work(&mut Listing::new(), None);
        helper.into_tally()
    }
}

/// A helper that panics must not leave the others waiting for its jobs: the panic is the caller's then.
struct Helping<'w, 'a>(&'w Walk<'a>);

impl Drop for Helping<'_, '_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.end_work();
        }
    }
}
