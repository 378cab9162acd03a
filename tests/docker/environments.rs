//! Every row of the book's table of environments, as a real container: the same image and the same tree boot, serve,
//! stop in order and end with the main command's code; each program sees what it should see, and the report says what is
//! lost there and what brings it back.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::expected::{self, PROGRAMS, STOPS};
use super::processes::Bystander;
use crate::support::docker::{Container, Docker, GRACE, Image, Run};
use crate::support::environments::{Degradation, ENVIRONMENTS, Environment, Mode};
use crate::support::record_comparison::compare;

macro_rules! rows {
    ($($name:ident)*) => {
        $(#[test] fn $name() { behaves(stringify!($name)); })*
        const TESTED: &[&str] = &[$(stringify!($name)),*];
    };
}

rows! {
    plain puid puid_foreign_volume umask_and_zone puid_read_only puid_read_only_with_tmpfs puid_mounted_accounts
    puid_three_capabilities puid_three_capabilities_ports_from_80 puid_no_capability puid_no_capability_accepted
    more_capabilities puid_no_new_privileges user user_ports_from_80 user_by_name user_group_0 user_with_puid
    user_unknown user_unknown_group_0 openshift user_foreign_volume user_hardened user_nothing_writable user_own_tmpfs
    user_noexec_tmpfs user_empty_dir puid_empty_dir puid_more_groups user_more_groups puid_init user_init
    puid_shared_pids puid_hosts_pids user_hosts_pids no_network low_ports_closed seccomp_unconfined own_cgroups
    hosts_cgroups hosts_ipc little_of_everything
}

#[test]
fn every_row_of_the_table_is_tested() {
    assert_eq!(TESTED, ENVIRONMENTS.iter().map(|environment| environment.name).collect::<Vec<_>>());
}

#[test]
fn every_loss_occurs_in_a_row() {
    let nowhere: Vec<_> = Degradation::ALL
        .into_iter()
        .filter(|lost| !ENVIRONMENTS.iter().any(|environment| environment.loses(*lost)))
        .collect();
    assert!(nowhere.is_empty(), "no row says where that is lost, so nothing tests its words: {nowhere:?}");
}

fn row(name: &str) -> &'static Environment {
    ENVIRONMENTS.iter().find(|environment| environment.name == name).expect("the test above compares the names")
}

/// What lies on this machine for one container.
struct Volumes {
    data: TempDir,
    run: Option<TempDir>,
}

impl Volumes {
    fn new(environment: &Environment) -> Self {
        let (uid, gid, mode) = environment.data;
        Self { data: owned(uid, gid, mode), run: environment.run.map(|mode| owned(0, 0, mode)) }
    }
}

fn owned(uid: u32, gid: u32, mode: u32) -> TempDir {
    let made = tempfile::tempdir().expect("a temporary directory");
    std::fs::set_permissions(made.path(), Permissions::from_mode(mode)).expect("it is ours");
    chown(made.path(), Some(uid), Some(gid)).expect("root may");
    made
}

/// Returns a run of the image with these volumes and flags.
fn run(docker: &Docker, volumes: &Volumes, flags: &str) -> Run {
    let run = Run::new(&Image::environments(docker)).options("--hostname box").directory(volumes.data.path(), "/data");
    let run = match &volumes.run {
        Some(directory) => run.directory(directory.path(), "/run"),
        None => run,
    };
    run.options(flags)
}

fn behaves(name: &str) {
    let Some(docker) = Docker::here_as_root() else { return };
    let environment = row(name);
    let volumes = Volumes::new(environment);
    if environment.mode == Mode::Refused {
        let ended = run(&docker, &volumes, environment.flags).ended();
        let output = ended.expect_code(111);
        assert!(!output.contains("RECORD"), "nothing may run: {output}");
        return assert_report(environment, output);
    }

    let other = environment
        .flags
        .contains("container:other")
        .then(|| Run::new(&Image::plain(&docker)).env("PUID", "1234").start());
    let bystander =
        environment.flags.contains("--pid host").then(|| Bystander::start(environment.ids.0, environment.ids.1));
    let flags = match &other {
        Some(other) => environment.flags.replace("container:other", &format!("container:{}", other.name())),
        None => environment.flags.to_owned(),
    };
    let container = run(&docker, &volumes, &flags).start();
    container.wait_for_log_times("RECORD {", PROGRAMS.len());
    assert_control(environment, &container);
    assert_name(environment, &container);
    let (code, took) = container.stop();
    let log = container.logs();
    assert_eq!(code, 7, "the main command's own code:\n{log}");
    assert!(took < GRACE, "{took:?}\n{log}");
    assert!(bystander.is_none_or(Bystander::lives), "somebody signalled a process of the host:\n{log}");
    assert!(other.is_none_or(|other| other.runs()), "the other container has ended:\n{log}");

    assert_records(environment, &log, &json!({}));
    assert_order(&log);
    assert_report(environment, &log);
    assert_volume(environment, volumes.data.path());
}

/// `health` and `status` answer whoever the container was started as, where there is a place for the socket.
fn assert_control(environment: &Environment, container: &Container) {
    let (worked, output) = container.exec("stepdown health && stepdown status --json");
    if environment.loses(Degradation::Control) {
        return assert!(!worked, "there is no socket to answer: {output}");
    }
    assert!(worked, "{output}\n{}", container.logs());
    let status: Value = serde_json::from_str(&output).unwrap_or_else(|cause| panic!("no JSON ({cause}): {output}"));
    assert_eq!(status["mode"], environment.mode.key(), "{output}");
    assert_eq!(status["identity"]["name"], expected::name(environment), "{output}");
    assert_eq!(
        (&status["identity"]["uid"], &status["identity"]["gid"]),
        (&environment.ids.0.into(), &environment.ids.1.into())
    );
}

/// Under `--user` the account files answer with the name that the environment has, or with none.
fn assert_name(environment: &Environment, container: &Container) {
    if matches!(environment.mode, Mode::User | Mode::Unknown) {
        let (known, output) = container.exec("id -un");
        assert_eq!(known, !environment.loses(Degradation::Name), "{output}");
        assert!(!known || output.trim() == expected::name(environment), "{output}");
    }
}

/// The records of all programs, whole; `differs` says in what the main command's is another one than the image's own.
#[track_caller]
pub fn assert_records(environment: &Environment, log: &str, differs: &Value) {
    let mut differences = Vec::new();
    let mut limits = Vec::new();
    for program in PROGRAMS {
        let found = record(log, program);
        // But for the one that says of which run a process is (the book, "Services").
        let mut theirs = found["limits"].clone();
        assert!(theirs.as_object_mut().and_then(|all| all.remove("Max file locks")).is_some(), "{theirs}");
        limits.push(theirs);
        for (flag, place) in [("--cgroupns private", "top"), ("--cgroupns host", "below")] {
            assert!(!environment.flags.contains(flag) || found["cgroup"] == place, "{program}: {}", found["cgroup"]);
        }
        let mut wanted = expected::record(environment, program);
        if program == "main" {
            for (name, value) in differs.as_object().into_iter().flatten() {
                wanted[name] = value.clone();
            }
        }
        compare(program, &wanted, &expected::masked(environment, found), &mut differences);
    }
    assert!(differences.is_empty(), "{}\nthe log:\n{log}", differences.join("\n"));
    assert!(
        limits.iter().all(|environment| *environment == limits[0]),
        "PID 1's own limits are nobody else's: {limits:?}"
    );
    if environment.flags.contains("--ulimit nofile=256:512") {
        assert_eq!(limits[0]["Max open files"], "256 512");
    }
}

/// Returns what a program wrote about itself.
fn record(log: &str, program: &str) -> Value {
    let line = log.lines().find(|line| line.starts_with(program) && line.contains("RECORD {"));
    let line = line.unwrap_or_else(|| panic!("no record of {program} in:\n{log}"));
    let json = line.split_once("RECORD ").expect("it was just found").1;
    serde_json::from_str(json).unwrap_or_else(|cause| panic!("not a record ({cause}): {line}"))
}

/// Nothing starts before what it requires, nothing stops before what requires it.
#[track_caller]
pub fn assert_order(log: &str) {
    let position_of = |text: &str| log.find(text).unwrap_or_else(|| panic!("no {text:?} in:\n{log}"));
    let started =
        ["seed: done", "store: up", "web: up", "main: up"].map(|text| position_of(&format!("stepdown | {text}")));
    assert!(started.is_sorted(), "started in another order:\n{log}");
    let stopped = STOPS.map(|program| position_of(&format!("{program:8} | TERM")));
    assert!(stopped.is_sorted(), "stopped in another order:\n{log}");
    assert_eq!(log.matches("| TERM").count(), STOPS.len(), "{log}");
}

/// The report says what is lost here, with what brings it back, and nothing that is lost elsewhere.
#[track_caller]
fn assert_report(environment: &Environment, log: &str) {
    let ids = if environment.loses(Degradation::Drop) { (1234, 1000) } else { environment.ids };
    for lost in Degradation::ALL {
        let (what, fix) = lost.message(ids);
        assert_eq!(log.contains(&what), environment.loses(lost), "{lost:?}, {what:?}:\n{log}");
        assert!(!environment.loses(lost) || log.contains(&fix), "{lost:?}: no fix {fix:?} in:\n{log}");
    }
    assert_eq!(log.contains("not PID 1"), !environment.pid_one, "{log}");
    let ignored = environment.flags.contains("PUID") && !environment.steps_down() && environment.mode != Mode::Refused;
    assert_eq!(log.matches("PUID=1234 is ignored").count(), usize::from(ignored), "{log}");
}

/// What the programs wrote on the volume belongs to who they were, and the volume to the app.
fn assert_volume(environment: &Environment, data: &Path) {
    let owner = |name: &str| std::fs::metadata(data.join(name)).ok().map(|meta| (meta.uid(), meta.gid()));
    if environment.loses(Degradation::Data) {
        assert_eq!((owner("."), owner("store")), (Some((environment.data.0, environment.data.1)), None));
        return;
    }
    assert_eq!(owner("store"), Some(environment.ids));
    if environment.steps_down() {
        assert_eq!(owner("."), Some(environment.ids));
        assert_eq!(owner("seed"), (!environment.loses(Degradation::RootsReach)).then_some((0, 0)));
    } else {
        assert_eq!(
            (owner("."), owner("seed")),
            (Some((environment.data.0, environment.data.1)), Some(environment.ids))
        );
    }
}

/// Returns every `docker run` flag that a report says to paste.
fn pasted(log: &str) -> String {
    let parts = log.split("docker run: `").skip(1).filter_map(|part| part.split_once('`'));
    let mut flags: Vec<_> = parts.map(|(flags, _)| flags).collect();
    flags.sort_unstable();
    flags.dedup();
    flags.join(" ")
}

#[test]
fn what_the_report_says_to_paste_brings_it_back() {
    let Some(docker) = Docker::here_as_root() else { return };
    let still = [
        // Read-only on purpose: the name stays in the image.
        ("puid_read_only", &[Degradation::Account][..]),
        ("puid_three_capabilities_ports_from_80", &[]),
        // A user is nobody else's root, and is granted nothing.
        ("user_nothing_writable", &[Degradation::RootsOneshot]),
        ("user_ports_from_80", &[Degradation::RootsOneshot, Degradation::Port]),
    ];
    for (name, still) in still {
        let environment = row(name);
        let volumes = Volumes::new(environment);
        let first = run(&docker, &volumes, environment.flags).start();
        first.wait_for_log_times("RECORD {", PROGRAMS.len());
        let flags = pasted(&first.logs());
        let volumes = Volumes::new(environment);
        let second = run(&docker, &volumes, &format!("{} {flags}", environment.flags)).start();
        let log = second.wait_for_log_times("RECORD {", PROGRAMS.len());
        for lost in environment.lost {
            assert_eq!(
                log.contains(&lost.message(environment.ids).0),
                still.contains(lost),
                "{flags}, {lost:?}:\n{log}"
            );
        }
        let (worked, output) = second.exec("stepdown health");
        assert!(worked, "{flags}: {output}");
    }
}

#[test]
fn a_second_start_is_like_the_first() {
    let Some(docker) = Docker::here_as_root() else { return };
    // What differs in what the first run leaves: an image's own /run, a volume of everybody's, a fresh one, none.
    for name in
        ["puid", "puid_empty_dir", "user_empty_dir", "user_own_tmpfs", "puid_read_only", "puid_three_capabilities"]
    {
        let environment = row(name);
        let volumes = Volumes::new(environment);
        let container = run(&docker, &volumes, environment.flags).start();
        container.wait_for_log_times("RECORD {", PROGRAMS.len());
        let (code, _) = container.stop();
        assert_eq!(code, 7, "{name}:\n{}", container.logs());
        let first = container.streams();
        container.start_again();
        container.wait_for_log_times("RECORD {", 2 * PROGRAMS.len());
        assert_control(environment, &container);
        assert_eq!(container.stop().0, 7, "{name}:\n{}", container.logs());
        let both = container.streams();
        let second: String = both.iter().zip(&first).map(|(all, first)| &all[first.len()..]).collect();
        assert_records(environment, &second, &json!({}));
        assert_order(&second);
        assert_report(environment, &second);
    }
}
