//! The stacks of the documentation, on a swarm of one node: `<!-- stack: SERVICE -->`. Their image is the one of these tests, and so
//! is their network, because the daemon has no other one.

use super::daemon::{Daemon, IMAGE};
use crate::documents::blocks::{Use, blocks};
use crate::documents::pages;
use crate::support::docker::{DOCKER_TIMEOUT, stdout_and_stderr, wait_for};

/// Returns the stack with the image and the network of these tests.
fn with_own_image(stack: &str) -> String {
    let line = |line: &str| match line.split_once("image: ") {
        Some((before, _)) => format!("{before}image: {IMAGE}\n{before}networks: [host]\n"),
        None => format!("{line}\n"),
    };
    stack.lines().map(line).collect::<String>() + "networks:\n  host: { external: true, name: host }\n"
}

#[test]
fn stacks_of_the_documentation_are_healthy_and_nobody_is_root() {
    let pages = pages();
    let found = pages.iter().flat_map(blocks).filter_map(|block| match block.used {
        Some(Use::Stack(service)) => Some((service, block.place, block.text)),
        _ => None,
    });
    let found: Vec<_> = found.collect();
    assert!(!found.is_empty());
    let Some(daemon) = Daemon::start("") else { return };
    // Not the usual port: this machine may have a swarm.
    daemon.must(&["swarm", "init", "--advertise-addr=127.0.0.1", "--listen-addr=127.0.0.1:23778"]);
    for (service, place, text) in found {
        let file = daemon.path("stack.yml");
        std::fs::write(&file, with_own_image(&text)).unwrap();
        for line in text.lines() {
            if let Some((_, name)) = line.split_once("file: ./") {
                std::fs::write(daemon.path(name.trim_end_matches([' ', '}'])), "hidden\n").unwrap();
            }
        }
        let file = file.display().to_string();
        daemon.must(&["stack", "deploy", "--resolve-image=never", "--compose-file", &file, "page"]);
        let tasks = || stdout_and_stderr(&daemon.docker(&["ps", "-a", "--format={{.ID}} {{.Names}} {{.Status}}"]));
        let is_healthy = |line: &&str| line.contains(&format!(" page_{service}.")) && line.contains("(healthy)");
        let id = wait_for("a healthy task", DOCKER_TIMEOUT, tasks, || {
            tasks().lines().find(is_healthy)?.split(' ').next().map(str::to_owned)
        });
        let uids = daemon.host_uids("/usr/bin/stepdown");
        assert!(!uids.is_empty() && uids.iter().all(|uid| *uid != 0), "{place}: {uids:?}");
        let status = daemon.must(&["exec", &id, "/usr/bin/stepdown", "status"]);
        assert!(status.contains("\nweb "), "{place}: {status}");
        daemon.must(&["stack", "rm", "page"]);
        wait_for("the end of the tasks", DOCKER_TIMEOUT, tasks, || {
            (!tasks().lines().any(|line| line.contains(" Up "))).then_some(())
        });
    }
}
