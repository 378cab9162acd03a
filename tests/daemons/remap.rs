//! `userns-remap`: root of a container is a subordinate id of the host.

use std::os::unix::fs::{MetadataExt, chown};

use super::daemon::{Daemon, FIRST, IMAGE};
use crate::support::docker::{DOCKER_TIMEOUT, stdout_and_stderr, wait_for};

#[test]
fn ids_volumes_and_fixes_are_the_hosts_where_it_looks_and_the_containers_inside() {
    let Some(daemon) = Daemon::start("--userns-remap=default") else { return };
    let run = |options: &[&str]| {
        let output =
            daemon.docker(&[&["run", "--rm", "--network=none"], options, &[IMAGE, "recorder", "--exit", "4"]].concat());
        (output.status.code(), stdout_and_stderr(&output))
    };

    let (code, printed) = run(&["-e", "PUID=1234", "-v", "named:/config"]);
    assert_eq!(code, Some(4), "{printed}");
    assert!(printed.contains("app (1234:1000)"), "{printed}");
    let volume = daemon.must(&["volume", "inspect", "--format={{.Mountpoint}}", "named"]);
    let owner = std::fs::metadata(volume).unwrap();
    assert_eq!((owner.uid(), owner.gid()), (FIRST + 1234, FIRST + 1000));

    let (code, printed) = run(&["-e", "PUID=70000"]);
    assert_eq!(code, Some(100), "{printed}");
    assert!(
        printed.contains("PUID=70000: uid 70000 is not mapped in this user namespace (mapped: 0-65535)"),
        "{printed}"
    );

    // A directory of the host's belongs to nobody here, and what helps has the host's numbers.
    let foreign = daemon.path("foreign");
    std::fs::create_dir(&foreign).unwrap();
    chown(&foreign, Some(1), Some(1)).unwrap();
    let (code, printed) = run(&["-e", "PUID=1234", "-v", &format!("{}:/config", foreign.display())]);
    assert_eq!(code, Some(4), "{printed}");
    let line = printed
        .lines()
        .find(|line| line.contains("/config: left 1 entry as found"))
        .unwrap_or_else(|| panic!("{printed}"));
    assert!(line.contains(&format!("chown -R {}:{}", FIRST + 1234, FIRST + 1000)), "{printed}");

    let (code, printed) = run(&["--user", "1000:1000", "--read-only", "--cap-drop", "ALL"]);
    assert_eq!(code, Some(4), "{printed}");

    let name = daemon.must(&["run", "-d", "--network=none", "-e", "PUID=1234", IMAGE]);
    let log = || stdout_and_stderr(&daemon.docker(&["logs", &name]));
    wait_for("the service", DOCKER_TIMEOUT, log, || log().contains("RECORD {").then_some(()));
    assert_eq!(daemon.host_uids("recorder"), [FIRST + 1234], "{}", log());
    assert_eq!(daemon.host_uids("/usr/bin/stepdown"), [FIRST + 1234], "{}", log());
    daemon.must(&["stop", &name]);
    assert_eq!(daemon.must(&["inspect", "--format={{.State.ExitCode}}", &name]), "0", "{}", log());
}
