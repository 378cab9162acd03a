//! A memory limit and a service that wants more (SECURITY.md T37).

use crate::support::docker::{Docker, Image, Run};

/// More than there is, and held.
const EATER: &str = "command = [\"perl\", \"-e\", 'print \"eats\\n\"; $x = \"x\" x 300_000_000; sleep 600']\n\
    restart = { delay = \"100ms\", max_delay = \"100ms\", limit = 3 }\n";

#[test]
fn a_service_killed_for_its_memory_is_reported_and_restarted_and_no_other_is() {
    let Some(docker) = Docker::available() else { return };
    let calm = "command = [\"sleep\", \"600\"]\n";
    let tree = super::files(&[("eater.toml", EATER), ("calm.toml", calm)]);
    let run = Run::new(&Image::plain(&docker)).options("--memory 64m --memory-swap 64m").env("PUID", "1234");
    let run = run.options("--entrypoint /usr/bin/stepdown").command(["init"]);
    let container = run.file(tree.path(), "/etc/services.d").start();
    let logs = container.wait_for_log("eater: failed: 3 consecutive failures, last: killed by SIGKILL (out of memory)");
    assert_eq!(logs.matches("eater: killed by SIGKILL (out of memory)").count(), 3, "{logs}");
    assert_eq!(logs.matches("eater: starts again in 100ms").count(), 2, "{logs}");
    assert_eq!(logs.matches("calm: up").count(), 1, "{logs}");
    let resident = container.as_root("grep VmRSS /proc/1/status");
    let kilobytes: u64 = resident.split_whitespace().nth(1).expect("a number").parse().expect("a number");
    assert!(kilobytes < 8 * 1024, "{resident}");
    assert!(container.runs());
    let (code, _) = container.stop();
    assert_eq!(code, 0, "{}", container.logs());
    assert_eq!(container.logs().matches("calm: ended").count(), 0);
}
