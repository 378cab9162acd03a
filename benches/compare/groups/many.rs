//! Containers that run side by side: for what is measured while nothing happens.
#![allow(clippy::disallowed_methods)] // measures, and waits for what runs by itself

use std::time::{Duration, Instant};

use super::super::bench::Bench;
use super::super::container::Container;
use super::super::peers::{Setup, Supervisor, commands};
use super::super::results::{Case, Missing};
use super::super::{Outcome, interrupt};

/// supervisord starts no more of them in a few seconds.
const SLOW: usize = 100;

/// What is started, what was, and who could not be.
pub struct Many {
    // Dropped before the roots that they run in.
    running: Vec<(String, Container)>,
    setups: Vec<(String, usize, Setup)>,
    missing: Vec<Missing>,
}

impl Many {
    /// Prepares all supervisors with so many services, and for a single one the inits of a command.
    pub fn new(bench: &Bench, count: usize) -> Self {
        let mut many = Self::supervisors(bench, count);
        if count == 1 {
            for (name, argv) in commands::INITS {
                many.add(name, 1, commands::init(bench, name, argv, &["/stays"]));
            }
        }
        many
    }

    /// Prepares all supervisors with so many services.
    pub fn supervisors(bench: &Bench, count: usize) -> Self {
        let mut many = Self { running: Vec::new(), setups: Vec::new(), missing: Vec::new() };
        for peer in Supervisor::ALL {
            if peer == Supervisor::Supervisord && count > SLOW {
                many.add(peer.name(), count, Err("not with so many: its start takes long".into()));
                continue;
            }
            for (row, made) in peer.rows(bench, count) {
                many.add(&row, count, made);
            }
        }
        many
    }

    fn add(&mut self, who: &str, count: usize, made: Outcome<Setup>) {
        match made {
            Ok(setup) => self.setups.push((who.to_owned(), count, setup)),
            Err(error) => self.missing.push(Missing { who: who.to_owned(), why: error.to_string() }),
        }
    }

    /// Starts all, waits until their programs run, and then so long; who does not start is missing from now on.
    pub fn start(&mut self, settle: Duration) -> Outcome<&mut [(String, Container)]> {
        self.running.clear();
        let mut failed = Vec::new();
        for (who, count, setup) in &self.setups {
            interrupt::check()?;
            match setup.start().and_then(|mut container| container.stamps(*count).map(|_| container)) {
                Ok(container) => self.running.push((who.clone(), container)),
                Err(error) => failed.push(Missing { who: who.clone(), why: error.to_string() }),
            }
        }
        self.setups.retain(|(who, ..)| failed.iter().all(|missing| missing.who != *who));
        self.missing.append(&mut failed);
        pause(settle)?;
        Ok(&mut self.running)
    }

    /// Names in each case who could not be measured.
    pub fn name_missing(&self, cases: &mut [Case]) {
        cases.iter_mut().for_each(|case| case.missing.extend(self.missing.iter().cloned()));
    }
}

/// Waits, unless the run is asked to end.
pub fn pause(time: Duration) -> Outcome<()> {
    let until = Instant::now() + time;
    while let left = until.saturating_duration_since(Instant::now())
        && !left.is_zero()
    {
        interrupt::check()?;
        std::thread::sleep(left.min(Duration::from_millis(100)));
    }
    Ok(())
}
