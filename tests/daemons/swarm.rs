//! A stack on a swarm of one node: health, secrets, a rolling update, and the old tasks' ordered end.

use super::daemon::{Daemon, IMAGE};
use crate::support::docker::{DOCKER_TIMEOUT, stdout_and_stderr, wait_for};

const STACK: &str = r#"
version: "3.8"
services:
  web:
    image: IMAGE
    networks: [host]
    environment: { PUID: "1234", STEPDOWN_STOP_TIMEOUT: 5s }
    secrets: [{ source: db, uid: "1234", mode: 0400 }]
    stop_grace_period: 9s
    healthcheck: { test: [CMD, /usr/bin/stepdown, health], interval: 1s, timeout: 5s, retries: 3 }
    deploy:
      replicas: 2
      update_config: { order: start-first, parallelism: 1, failure_action: rollback, monitor: 1s }
networks:
  host: { external: true, name: host }
secrets:
  db: { file: ./secret.txt }
"#;

#[test]
fn a_stack_is_healthy_has_its_secret_and_is_updated_task_by_task() {
    let Some(daemon) = Daemon::start("") else { return };
    let next = IMAGE.replace(":1", ":2");
    daemon.must(&["tag", IMAGE, &next]);
    // Not the usual port: this machine may have a swarm.
    daemon.must(&["swarm", "init", "--advertise-addr=127.0.0.1", "--listen-addr=127.0.0.1:23777"]);
    std::fs::write(daemon.path("secret.txt"), "hidden\n").unwrap();
    let deploy = |image: &str| {
        let file = daemon.path("stack.yml");
        std::fs::write(&file, STACK.replace("IMAGE", image)).unwrap();
        daemon.must(&[
            "stack",
            "deploy",
            "--resolve-image=never",
            "--compose-file",
            &file.display().to_string(),
            "twin",
        ]);
    };
    let tasks = || stdout_and_stderr(&daemon.docker(&["ps", "-a", "--format={{.ID}} {{.Image}} {{.Status}}"]));
    let healthy =
        |image: &str| tasks().lines().filter(|line| line.contains(image) && line.contains("(healthy)")).count();

    deploy(IMAGE);
    wait_for("two healthy tasks", DOCKER_TIMEOUT, tasks, || (healthy(IMAGE) == 2).then_some(()));
    assert!(daemon.host_uids("/usr/bin/stepdown").iter().all(|uid| *uid == 1234), "nobody is root");
    let old: Vec<String> =
        tasks().lines().filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect();
    let script = "read line < /run/secrets/db && echo $line";
    assert_eq!(daemon.must(&["exec", "--user=1234", &old[0], "sh", "-c", script]), "hidden");

    deploy(&next);
    let update = || daemon.must(&["service", "inspect", "--format={{.UpdateStatus.State}}", "twin_web"]);
    wait_for(
        "the update",
        DOCKER_TIMEOUT,
        || format!("{}\n{}", update(), tasks()),
        || (update() == "completed").then_some(()),
    );
    wait_for("two healthy tasks of the next", DOCKER_TIMEOUT, tasks, || (healthy(&next) == 2).then_some(()));
    for id in old {
        let state = || daemon.must(&["inspect", "--format={{.State.Status}} {{.State.ExitCode}}", &id]);
        wait_for("the end of an old task", DOCKER_TIMEOUT, state, || (state() == "exited 0").then_some(()));
        let log = stdout_and_stderr(&daemon.docker(&["logs", &id]));
        assert!(log.contains("got SIGTERM: stopping") && log.contains("web: stopped"), "{log}");
    }
}
