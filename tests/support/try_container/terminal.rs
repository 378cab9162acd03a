//! A terminal that is watched.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex};

use crate::support::try_container::LIMIT;

/// What a terminal shows, collected by a thread of its own that ends when the test does.
pub struct Screen(Arc<(Mutex<String>, Condvar)>);

impl Screen {
    /// Watches what is written to the terminal of which this is the master.
    pub fn watch(master: &OwnedFd) -> Self {
        let shown = Arc::new((Mutex::new(String::new()), Condvar::new()));
        let (ours, theirs) = (Self(Arc::clone(&shown)), shown);
        let mut master = File::from(master.try_clone().unwrap());
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = master.read(&mut bytes) {
                theirs.0.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..length]));
                theirs.1.notify_all();
            }
        });
        ours
    }

    /// Waits until `wanted` was shown.
    pub fn wait_for(&self, wanted: &str) {
        let shown = self.0.0.lock().unwrap();
        let (shown, late) = self.0.1.wait_timeout_while(shown, LIMIT, |shown| !shown.contains(wanted)).unwrap();
        assert!(!late.timed_out(), "`{wanted}` was not shown; all that was:\n{shown}");
    }

    /// Returns what was shown until now.
    pub fn text(&self) -> String {
        self.0.0.lock().unwrap().clone()
    }
}
