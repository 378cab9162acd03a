//! `dockerd --init-path OURS` and `docker run --init`: Docker mounts it as `/sbin/docker-init` and runs
//! `/sbin/docker-init -- COMMAND`.

use super::daemon::{Daemon, IMAGE};
use crate::support::docker::{binary, stdout_and_stderr};

#[test]
fn it_is_the_init_that_docker_expects() {
    let flag = format!("--init-path={}", binary().display());
    let Some(daemon) = Daemon::start(&flag) else { return };
    let run = |options: &[&str], command: &[&str]| {
        let fixed = ["run", "--network=none", "--entrypoint="];
        let output = daemon.docker(&[&fixed, options, &[IMAGE], command].concat());
        (output.status.code(), stdout_and_stderr(&output))
    };

    let (code, printed) = run(&["--rm", "--init"], &["sh", "-c", "read name < /proc/1/comm; echo $name $$; exit 3"]);
    assert_eq!(code, Some(3), "{printed}");
    assert!(printed.starts_with("docker-init ") && printed.trim() != "docker-init 1", "{printed}");
    let (code, printed) = run(&["--rm"], &["sh", "-c", "echo $$"]);
    assert_eq!((code, printed.trim()), (Some(0), "1"));
    let options = ["sh", "-c", "echo \"$@\"", "sh", "-s", "--", "--version"];
    let (code, printed) = run(&["--rm", "--init"], &options);
    assert_eq!((code, printed.trim()), (Some(0), "-s -- --version"));
    let (code, printed) = run(&["--rm", "--init"], &["/none"]);
    assert_eq!(code, Some(127), "{printed}");

    let orphan = "p=$(sh -c '(while kill -0 $$; do :; done) > /dev/null 2>&1 & echo $!'); while [ -e /proc/$p ]; do :; done; echo reaped";
    let (code, printed) = run(&["--rm", "--init"], &["sh", "-c", orphan]);
    assert_eq!((code, printed.trim()), (Some(0), "reaped"));

    // The command has said that it listens before it is told.
    let waits = "trap 'exit 5' TERM; echo > /tmp/listens; while :; do :; done";
    let (code, printed) = run(&["-d", "--init", "--name=told"], &["sh", "-c", waits]);
    assert_eq!(code, Some(0), "{printed}");
    daemon.must(&["exec", "told", "sh", "-c", "until [ -e /tmp/listens ]; do :; done"]);
    daemon.must(&["stop", "told"]);
    assert_eq!(daemon.must(&["wait", "told"]), "5");

    // What `docker info` says of it: Docker asks whichever init it finds for the version of tini.
    let info = daemon.must(&["info", "--format={{.InitBinary}} {{.InitCommit.ID}}"]);
    assert!(info.starts_with(&binary().display().to_string()), "{info}");
}
