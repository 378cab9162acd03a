//! Who is compared: each as a PID 1 with a root of its own, ready to be started. A file for each; who is not installed is an
//! error that says how to get it.

pub mod commands;
pub mod dinit;
pub mod image;
pub mod runit;
pub mod s6;
pub mod stepdown;
pub mod supervisor;

use nix::sys::signal::Signal;

use super::Outcome;
use super::bench::Bench;
use super::container::{Boot, Container};
use super::rootfs::Rootfs;

/// A PID 1 that can be started.
pub struct Setup {
    /// Where.
    pub rootfs: Rootfs,
    /// How.
    pub boot: Boot,
}

/// A supervisor of services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supervisor {
    /// Ours, with TOML files.
    Stepdown,
    /// Ours, with directories as s6 has them.
    StepdownS6,
    /// dinit in its container mode.
    Dinit,
    /// s6-svscan.
    S6,
    /// runsvdir.
    Runit,
    /// supervisord.
    Supervisord,
}

impl Setup {
    /// Starts it.
    pub fn start(&self) -> Outcome<Container> {
        Container::start(&self.rootfs, &self.boot)
    }

    /// Boots until so many programs have run their first instruction, and returns the milliseconds from PID 1's exec.
    pub fn boot(&self, programs: usize) -> Outcome<f64> {
        Ok(self.start()?.last_of(programs)?.as_secs_f64() * 1e3)
    }
}

impl Supervisor {
    /// Those that are compared at every size.
    pub const FAST: [Self; 5] = [Self::Stepdown, Self::StepdownS6, Self::Dinit, Self::S6, Self::Runit];
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Stepdown, Self::StepdownS6, Self::Dinit, Self::S6, Self::Runit, Self::Supervisord];

    /// Its row.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stepdown => "stepdown",
            Self::StepdownS6 => "stepdown, s6 directories",
            Self::Dinit => "dinit",
            Self::S6 => "s6-svscan",
            Self::Runit => "runsvdir",
            Self::Supervisord => "supervisord",
        }
    }

    /// Makes it ready as often as it has rows, with so many services that stay.
    pub fn rows(self, bench: &Bench, count: usize) -> Vec<(String, Outcome<Setup>)> {
        match self {
            Self::Stepdown | Self::StepdownS6 => {
                let versions = bench.versions(self.name()).into_iter();
                versions.map(|(row, bench)| (row, self.services(&bench, count))).collect()
            }
            Self::Dinit | Self::S6 | Self::Runit | Self::Supervisord => {
                vec![(self.name().to_owned(), self.services(bench, count))]
            }
        }
    }

    /// Makes it ready, with so many services that stay.
    pub fn services(self, bench: &Bench, count: usize) -> Outcome<Setup> {
        match self {
            Self::Stepdown => stepdown::services(bench, count),
            Self::StepdownS6 => stepdown::s6_directories(bench, count),
            Self::Dinit => dinit::services(bench, count),
            Self::S6 => s6::services(bench, count),
            Self::Runit => runit::services(bench, count),
            Self::Supervisord => supervisor::services(bench, count),
        }
    }

    /// By which it stops its services and ends; runsvdir as PID 1 does not wait for them.
    pub fn stop_signal(self) -> Signal {
        match self {
            Self::Runit => Signal::SIGHUP,
            Self::Stepdown | Self::StepdownS6 | Self::Dinit | Self::S6 | Self::Supervisord => Signal::SIGTERM,
        }
    }
}

/// The script of a service in a `run` file.
const RUN: &str = "#!/bin/sh\nexec /stays\n";
