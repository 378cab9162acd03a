//! The examples, each up for real through docker-compose with the program that it is about.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::assert_nobody_is_root;
use crate::support::docker::{DOCKER_TIMEOUT, Docker, GRACE, Image, Project, Run, Volume, free_port, must, wait_for};

/// `1 << 10`, as capability.h counts it.
const NET_BIND_SERVICE: u64 = 0x400;

/// Returns the answer to a plain GET, or nothing while nobody answers.
fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(GRACE)).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer).filter(|answer| !answer.is_empty())
}

#[track_caller]
fn assert_before(log: &str, first: &str, second: &str) {
    let position_of = |text: &str| log.find(text).unwrap_or_else(|| panic!("nothing about {text:?} in:\n{log}"));
    assert!(position_of(first) < position_of(second), "{second:?} before {first:?} in:\n{log}");
}

#[test]
fn nginx_serves_port_80_without_root() {
    let Some(docker) = Docker::available() else { return };
    let port = free_port();
    let project = Project::up(&docker, "nginx", &[("PORT", &port.to_string())]);
    let web = project.container("web");
    let answer = wait_for("an answer on the published port", DOCKER_TIMEOUT, || web.logs(), || get(port, "/ping"));
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("pong\n"), "{answer}");
    web.wait_for_log("nginx: up");
    web.wait_for_log("\"stepdown\""); // who asked: the access log has the program's name
    web.wait_for_log("GET /ping"); // the access log goes to /dev/stdout, opened by name by the app user
    assert_nobody_is_root(&web, 1000, 3);

    // PID 1 keeps the one capability, for giving it away only; nginx has it, nobody else does.
    let first = web.status_of(1);
    assert_eq!((first.set("CapPrm"), first.set("CapEff")), (NET_BIND_SERVICE, 0));
    let master = web.as_root("cat /run/nginx/nginx.pid").trim().parse().expect("nginx writes a number");
    assert_eq!(web.status_of(master).set("CapAmb"), NET_BIND_SERVICE);

    // Who accepts and does not answer is not well, and is replaced.
    let stop = "kill -STOP $(cat /proc/$(cat /run/nginx/nginx.pid)/task/*/children)";
    must(["exec", "--user", "1000", web.name(), "sh", "-c", stop]);
    let log = web.wait_for_log_times("nginx: up", 2);
    assert!(
        log.contains("nginx: unhealthy, 3 consecutive failures, the last one: connected, but no response within 2s"),
        "{log}"
    );
    let answer = wait_for("an answer of the new one", DOCKER_TIMEOUT, || web.logs(), || get(port, "/ping"));
    assert!(answer.ends_with("pong\n"), "{answer}");

    let (code, took) = web.stop();
    assert_eq!(code, 0, "{}", web.logs());
    assert!(took < GRACE, "{took:?}");
}

#[test]
fn postgres_and_its_app_survive_a_restart() {
    let Some(docker) = Docker::available() else { return };
    let project = Project::up(&docker, "postgres", &[]);
    let database = project.container("database");
    let log = database.wait_for_log("start number 1");
    assert_before(&log, "ready to accept connections", "postgres: up");
    assert_before(&log, "postgres: up", "app: up");
    assert!(
        !log.contains("could not connect") && !log.contains("connection to server"),
        "the app came too early:\n{log}"
    );
    let query = ["psql", "-U", "postgres", "-Atc", "select count(*) from boots"];
    assert_eq!(project.exec("database", &query).trim(), "1");
    let uid = database.as_root("id -u postgres").trim().parse().expect("id prints a number");
    assert_nobody_is_root(&database, uid, 3);

    project.must(&["stop"]);
    let log = database.logs();
    assert_eq!(database.wait_for_end(), 0, "{log}");
    assert!(log.contains("the app says good-bye"), "the app stops first and can still write:\n{log}");
    assert!(log.contains("database system is shut down"), "{log}");
    project.must(&["start"]);
    let log = database.wait_for_log("start number 2");
    assert!(log.contains("the cluster is there already"), "{log}");
    assert!(!log.contains("not properly shut down"), "{log}");
}

#[test]
fn redis_keeps_its_data_when_puid_changes() {
    let Some(docker) = Docker::available() else { return };
    let mut project = Project::up(&docker, "redis", &[("PUID", "1000"), ("PGID", "1000")]);
    let ping = |project: &Project| {
        let redis = project.container("redis");
        redis.wait_for_log("redis: up"); // its port accepts
        redis
    };
    let redis = ping(&project);
    assert_eq!(project.exec("redis", &["redis-cli", "set", "greeting", "hello"]).trim(), "OK");
    assert_eq!(project.exec("redis", &["redis-cli", "save"]).trim(), "OK");
    assert_eq!(project.exec("redis", &["stat", "-c", "%u:%g", "/data/dump.rdb"]).trim(), "1000:1000");
    assert_nobody_is_root(&redis, 1000, 2);

    project.up_again(&[("PUID", "2000"), ("PGID", "2001")]); // compose makes a new container on the same volume
    let redis = ping(&project);
    assert_eq!(project.exec("redis", &["redis-cli", "get", "greeting"]).trim(), "hello");
    assert_eq!(
        project.exec("redis", &["stat", "-c", "%u:%g", "/data", "/data/dump.rdb"]).trim(),
        "2000:2001\n2000:2001"
    );
    assert_nobody_is_root(&redis, 2000, 2);
}

#[test]
fn redis_runs_under_user_on_its_own_volume() {
    let Some(docker) = Docker::available() else { return };
    let volume = Volume::new();
    let image = Image::example(&docker, "redis");
    let first = Run::new(&image).env("PUID", "1000").env("PGID", "1000").volume(&volume, "/data").start();
    first.wait_for_log("Ready to accept connections");
    let (code, _) = first.stop();
    assert_eq!(code, 0, "{}", first.logs());
    let options = "--user 1000:1000 --read-only --cap-drop ALL --security-opt no-new-privileges";
    let second = Run::new(&image).options(options).volume(&volume, "/data").start();
    second.wait_for_log("Ready to accept connections");
    assert_nobody_is_root(&second, 1000, 2);
}

#[test]
fn a_python_server_that_is_stuck_is_replaced_and_its_app_starts_once_it_answers() {
    let Some(docker) = Docker::available() else { return };
    let project = Project::up(&docker, "python", &[]);
    let container = project.container("box");
    let log = container.wait_for_log("the jobs are working");
    assert_before(&log, "api: up", "app: up");
    assert!(!log.contains("Traceback"), "the app came too early:\n{log}");
    let message = || must(["inspect", "--format", "{{.State.Health.Status}}", container.name()]).trim().to_owned();
    wait_for("a healthy container", DOCKER_TIMEOUT, message, || (message() == "healthy").then_some(()));

    project
        .exec("box", &["python3", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/break')"]);
    let log = container.wait_for_log_times("api: up", 2);
    assert!(
        log.contains("api: unhealthy, 2 consecutive failures, the last one: exited with code 1: the jobs are stuck"),
        "{log}"
    );
    assert_eq!(log.matches("app: up").count(), 1, "it stays up:\n{log}");
    assert_eq!(project.exec("box", &["stepdown", "health"]), "");
    // The engine's own looks are root's, for a moment.
    let root = || container.top().iter().find(|process| process.uid != 1000).map(|process| process.command.clone());
    wait_for("nobody being root", DOCKER_TIMEOUT, || format!("{:?}", root()), || root().is_none().then_some(()));
    let (code, _) = container.stop();
    assert_eq!(code, 0, "{}", container.logs());
}

#[test]
fn the_plain_command_stands_in_for_tini() {
    let Some(docker) = Docker::available() else { return };
    let project = Project::up(&docker, "command", &[("PUID", "1234"), ("PGID", "1235")]);
    let hello = project.container("hello");
    hello.wait_for_log("I am uid 1234, gid 1235");
    project.must(&["kill", "-s", "USR1"]);
    hello.wait_for_log("still here");
    assert_nobody_is_root(&hello, 1234, 2);
    project.must(&["stop"]);
    assert_eq!(hello.wait_for_end(), 7, "{}", hello.logs());
}
