//! Compose files as people write them (`compose/*.yml`), through docker-compose: the same image as in every environment,
//! with `user`, `read_only`, `tmpfs`, `security_opt`, `init`, `healthcheck`, `stop_grace_period`, secrets and configs.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use super::environments::{assert_order, assert_records};
use super::expected::PROGRAMS;
use crate::support::docker::{Container, DOCKER_TIMEOUT, Docker, GRACE, Project, must, wait_for};
use crate::support::environments::{DOCKER, Degradation, Environment, Mode};

/// A directory for `/data` of that owner.
fn data(uid: u32, gid: u32) -> TempDir {
    let made = tempfile::tempdir().expect("a temporary directory");
    std::fs::set_permissions(made.path(), Permissions::from_mode(0o755)).expect("it is ours");
    chown(made.path(), Some(uid), Some(gid)).expect("root may");
    made
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary names are ASCII")
}

fn wait_for_health(container: &Container, wanted: &str) {
    let health = || must(["inspect", "--format", "{{.State.Health.Status}}", container.name()]);
    wait_for(wanted, DOCKER_TIMEOUT, || container.logs(), || (health().trim() == wanted).then_some(()));
}

#[test]
fn a_hardened_file_serves_says_how_it_is_and_stops_in_order() {
    let Some(docker) = Docker::here_as_root() else { return };
    let data = data(1000, 1000);
    let project = Project::start(&docker, "hardened.yml", &[("DATA", text(data.path()))]);
    let app = project.container("app");
    app.wait_for_log_times("RECORD {", PROGRAMS.len());
    wait_for_health(&app, "healthy");
    project.must(&["stop"]);
    let log = app.logs();
    assert_eq!(app.wait_for_end(), 7, "{log}");
    // As if they were flags: that is what the expected records are made of.
    let flags =
        "--user 1000:1000 --read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /run --tmpfs /tmp";
    let environment = Environment {
        name: "hardened.yml",
        flags,
        data: (1000, 1000, 0o755),
        run: None,
        mode: Mode::User,
        ids: (1000, 1000),
        groups: &[],
        bounding: 0,
        pid_one: true,
        lost: &[Degradation::RootsOneshot],
        remark: "",
    };
    assert_records(&environment, &log, &json!({}));
    assert_order(&log);
}

#[test]
fn a_home_servers_file_has_its_user_its_secrets_and_its_stop_timeout() {
    let Some(docker) = Docker::here_as_root() else { return };
    let (data, files) = (data(0, 0), data(0, 0));
    let (secret, config) = (files.path().join("secret"), files.path().join("config"));
    std::fs::write(&secret, "open sesame\n").expect("an empty directory takes a file");
    std::fs::write(&config, "colour = blue\n").expect("and another");
    let variables = [("DATA", text(data.path())), ("SECRET", text(&secret)), ("CONFIG", text(&config))];
    let project = Project::start(&docker, "homelab.yml", &variables);
    let app = project.container("app");
    app.wait_for_log_times("RECORD {", PROGRAMS.len());
    project.must(&["stop"]);
    let log = app.logs();
    assert_eq!(app.wait_for_end(), 7, "{log}");
    assert_order(&log);
    let environment = Environment {
        name: "homelab.yml",
        flags: "-e PUID=1234 -e PGID=1235 -e UMASK=002 -e STEPDOWN_STOP_TIMEOUT=2s --init",
        data: (0, 0, 0o755),
        run: None,
        mode: Mode::Root,
        ids: (1234, 1235),
        groups: &[],
        bounding: DOCKER,
        pid_one: false,
        lost: &[],
        remark: "",
    };
    let read = [("/run/secrets/password", "open sesame\n"), ("/etc/app.conf", "colour = blue\n")];
    let files: BTreeMap<_, _> = read.into_iter().collect();
    assert_records(&environment, &log, &json!({ "files": files }));
}

#[test]
fn who_depends_on_health_waits_for_it_and_who_does_not_hear_is_ended_in_time() {
    let Some(docker) = Docker::here_as_root() else { return };
    let data = data(1000, 1000);
    let project = Project::start(&docker, "depends.yml", &[("DATA", text(data.path()))]);
    let deaf = project.container("deaf");
    let log = deaf.wait_for_log("| deaf");
    assert!(log.contains("| /data/well\n"), "it did not wait:\n{log}");
    let begun = std::time::Instant::now();
    project.must(&["stop", "deaf"]);
    assert!(begun.elapsed() < GRACE);
    let log = deaf.logs();
    assert_eq!(deaf.wait_for_end(), 137, "the main command was killed:\n{log}");
    assert!(log.contains("store    | TERM"), "everything else was stopped before Docker's patience ended:\n{log}");
}
