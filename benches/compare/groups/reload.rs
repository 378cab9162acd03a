//! Reading the services again when one of many has changed, one more service, and the status of all.

use nix::sys::signal::{Signal, kill};

use super::super::Outcome;
use super::super::bench::Bench;
use super::super::container::{Container, now};
use super::super::peers::{Setup, Supervisor, dinit, s6, stepdown};
use super::super::race::Race;
use super::super::results::Case;

/// A container that goes on running, and how often it was changed.
pub struct Running {
    // Dropped before the root that it runs in.
    container: Container,
    setup: Setup,
    changes: u32,
}

impl Running {
    /// Starts it, and waits for its services.
    pub fn start(setup: Setup, services: usize) -> Outcome<Self> {
        let mut container = setup.start()?;
        container.stamps(services)?;
        Ok(Self { container, setup, changes: 0 })
    }

    /// Changes the first service of stepdown, and returns the milliseconds from the signal until it runs again.
    pub fn change_one(&mut self) -> Outcome<f64> {
        self.changes += 1;
        let text = format!("{}environment = {{ CHANGE = \"{}\" }}\n", stepdown::SERVICE, self.changes);
        self.setup.rootfs.write("etc/services.d/s0.toml", &text)?;
        self.signalled(Signal::SIGHUP)
    }

    /// Runs a command inside, and returns its milliseconds.
    pub fn inside(&mut self, argv: &[&str]) -> Outcome<f64> {
        Ok(self.container.inside(argv)?.as_secs_f64() * 1e3)
    }

    /// Returns the container.
    pub fn container(&mut self) -> &mut Container {
        &mut self.container
    }

    /// Asks it to stop, and returns the milliseconds until nothing is left.
    pub fn stop(self, signal: Signal) -> Outcome<f64> {
        Ok(self.container.stop(signal)?.as_secs_f64() * 1e3)
    }

    fn signalled(&mut self, signal: Signal) -> Outcome<f64> {
        let began = now()?;
        kill(self.container.init()?, signal)?;
        let ran = self.container.stamps(1)?.into_iter().max().unwrap_or_default();
        Ok(ran.saturating_sub(began).as_secs_f64() * 1e3)
    }

    fn add_one(&mut self, peer: Supervisor) -> Outcome<f64> {
        self.changes += 1;
        let name = format!("new{}", self.changes);
        match peer {
            Supervisor::Stepdown => {
                self.setup.rootfs.write(&format!("etc/services.d/{name}.toml"), stepdown::SERVICE)?;
                self.signalled(Signal::SIGHUP)
            }
            Supervisor::S6 => {
                s6::service(&self.setup.rootfs, &name)?;
                self.signalled(Signal::SIGALRM)
            }
            Supervisor::Dinit => {
                self.setup.rootfs.write(&format!("etc/dinit.d/{name}"), dinit::SERVICE)?;
                let took = self.inside(&["/dinitctl", "--socket-path", dinit::SOCKET, "start", &name])?;
                self.container.stamps(1)?;
                Ok(took)
            }
            Supervisor::StepdownS6 | Supervisor::Runit | Supervisor::Supervisord => Err("not compared".into()),
        }
    }
}

/// Measures.
pub fn run(bench: &Bench) -> Outcome<Vec<Case>> {
    let count = bench.size(1000, 20);
    let start = |peer: Supervisor| peer.services(bench, count).and_then(|setup| Running::start(setup, count));
    let mut changed = Race::default();
    changed.one("stepdown", start(Supervisor::Stepdown), Running::change_one);
    let title = format!("reload of {count} services of which one changed");
    let [changed] = changed.run(bench.rounds(15), [Case::new(title, "ms")])?;

    let mut added = Race::default();
    for peer in [Supervisor::Stepdown, Supervisor::S6, Supervisor::Dinit] {
        added.one(peer.name(), start(peer), move |running| running.add_one(peer));
    }
    let title = format!("one more service beside {count}");
    let [mut added] = added.run(bench.rounds(15), [Case::new(title, "ms")])?;
    added.missing("runsvdir", "looks at its directory every five seconds");

    let mut status = Race::default();
    status.one("stepdown status", start(Supervisor::Stepdown), |running| running.inside(&["/stepdown", "status"]));
    let dinitctl = ["/dinitctl", "--socket-path", dinit::SOCKET, "list"];
    status.one("dinitctl list", start(Supervisor::Dinit), move |running| running.inside(&dinitctl));
    let [status] = status.run(bench.rounds(15), [Case::new(format!("status of {count} services"), "ms")])?;
    Ok(vec![changed, added.against("s6-svscan"), status.against("dinitctl list")])
}
