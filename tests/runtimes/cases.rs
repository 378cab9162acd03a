//! The table: what is changed of Docker's configuration, and what comes of it.

use serde_json::json;

use super::bundle::{Bundle, STRANGER, possible};

/// ENOSYS: what an old kernel says of a system call that it does not know, and podman's profile.
const UNKNOWN: i32 = 38;
/// EPERM: what Docker's profile says of one that is newer than itself.
const FORBIDDEN: i32 = 1;

struct Case {
    name: &'static str,
    change: fn(&mut Bundle),
    /// runc itself runs without root.
    rootless: bool,
    code: i32,
    /// Uid and gid of the main command.
    ids: Option<(u32, u32)>,
    output: &'static [&'static str],
    unsaid: &'static [&'static str],
}

const PLAIN: Case = Case {
    name: "plain",
    change: |_| {},
    rootless: false,
    code: 4,
    ids: Some((1000, 1000)),
    output: &[],
    unsaid: &["warning"],
};

const IDS: &[Case] = &[
    PLAIN,
    Case {
        name: "a user namespace with two ids that own nothing of the image",
        change: |bundle| bundle.map(&[(0, 100_000, 1), (1000, 101_000, 1)]),
        output: &["mode: root, limited", "the owner of /etc is not mapped in this user namespace"],
        unsaid: &["DAC_OVERRIDE"],
        ..PLAIN
    },
    Case {
        name: "the same, and its root owns the image",
        change: |bundle| {
            bundle.map(&[(0, 100_000, 1), (1000, 101_000, 1)]);
            bundle.give_root(100_000);
        },
        ..PLAIN
    },
    Case {
        name: "only root is mapped",
        change: |bundle| bundle.map(&[(0, 100_000, 1)]),
        code: 100,
        ids: None,
        output: &["PUID=1000: uid 1000 is not mapped in this user namespace (mapped: 0)", "gid 1000 is not mapped"],
        unsaid: &[],
        ..PLAIN
    },
    Case {
        name: "only root is mapped, and that is who it shall be",
        change: |bundle| {
            bundle.map(&[(0, 100_000, 1)]);
            bundle.config["process"]["env"] = json!(["PATH=/usr/bin", "PUID=0", "PGID=0"]);
        },
        ids: Some((0, 0)),
        output: &["PID 1 stays root"],
        unsaid: &[],
        ..PLAIN
    },
    Case {
        name: "runc without root: one id, setgroups denied",
        change: |bundle| {
            bundle.map(&[(0, STRANGER, 1)]);
            bundle.give_root(STRANGER);
            bundle.config["process"]["env"] = json!(["PATH=/usr/bin", "PUID=0", "PGID=0"]);
        },
        rootless: true,
        ids: Some((0, 0)),
        output: &["PID 1 stays root"],
        unsaid: &["skipped"],
        ..PLAIN
    },
    Case {
        name: "root with another group, more groups and a umask",
        change: |bundle| {
            bundle.config["process"]["user"] =
                json!({ "uid": 0, "gid": 1000, "additionalGids": [5, 44], "umask": 0o77 });
        },
        ..PLAIN
    },
];

const CAPABILITIES: &[Case] = &[
    Case {
        name: "no capability at all, no new privileges, a read-only root",
        change: |bundle| {
            bundle.config["process"]["user"] = json!({ "uid": 1000, "gid": 1000 });
            bundle.config["process"]["capabilities"] = json!({});
            bundle.config["process"]["noNewPrivileges"] = json!(true);
            bundle.config["root"]["readonly"] = json!(true);
        },
        output: &["skipped own /config"],
        unsaid: &[],
        ..PLAIN
    },
    Case {
        name: "root without capabilities",
        change: |bundle| {
            bundle.config["process"]["capabilities"] = json!({});
            bundle.config["process"]["noNewPrivileges"] = json!(true);
        },
        code: 111,
        ids: None,
        output: &["cap_add: [SETGID, SETUID]"],
        unsaid: &[],
        ..PLAIN
    },
    Case {
        name: "a user with ambient capabilities does not hand them on",
        change: |bundle| {
            bundle.config["process"]["user"] = json!({ "uid": 1000, "gid": 1000 });
            let all = bundle.config["process"]["capabilities"]["bounding"].clone();
            bundle.config["process"]["capabilities"]["inheritable"] = all.clone();
            bundle.config["process"]["capabilities"]["ambient"] = all;
        },
        unsaid: &[],
        ..PLAIN
    },
    Case {
        name: "few descriptors, a raised oom score",
        change: |bundle| {
            bundle.config["process"]["oomScoreAdj"] = json!(500);
            bundle.config["process"]["rlimits"] = json!([{ "type": "RLIMIT_NOFILE", "hard": 40, "soft": 40 }]);
        },
        output: &["40 open files are allowed, and one program may need"],
        unsaid: &["cannot"],
        ..PLAIN
    },
    Case {
        name: "too few descriptors",
        change: |bundle| {
            bundle.config["process"]["rlimits"] = json!([{ "type": "RLIMIT_NOFILE", "hard": 28, "soft": 28 }]);
        },
        code: 111,
        ids: None,
        output: &["cannot run one program: 28 open files are allowed, and at least ", "`--ulimit nofile=68`"],
        unsaid: &[],
        ..PLAIN
    },
];

const AROUND: &[Case] = &[
    Case {
        name: "hidden processes",
        change: |bundle| bundle.config["mounts"][0]["options"] = json!(["hidepid=2"]),
        ..PLAIN
    },
    Case {
        name: "only processes in /proc",
        change: |bundle| bundle.config["mounts"][0]["options"] = json!(["subset=pid"]),
        ..PLAIN
    },
    Case {
        name: "a read-only /proc without mounts to read",
        change: |bundle| {
            bundle.config["linux"]["readonlyPaths"] = json!(["/proc"]);
            bundle.config["linux"]["maskedPaths"] = json!(["/proc/mounts", "/proc/self/mountinfo"]);
        },
        ..PLAIN
    },
    Case {
        name: "a read-only /etc",
        change: |bundle| {
            let etc = bundle.path("etc");
            let mount = json!({ "destination": "/etc", "type": "bind", "source": etc, "options": ["rbind", "ro"] });
            bundle.config["mounts"].as_array_mut().unwrap().push(mount);
        },
        output: &["/etc is read-only"],
        unsaid: &[],
        ..PLAIN
    },
    Case {
        name: "nothing that can be written at all",
        change: |bundle| {
            bundle.config["root"]["readonly"] = json!(true);
            bundle.config["mounts"].as_array_mut().unwrap().pop();
        },
        output: &["no directory for the control socket can be written", "/etc is read-only"],
        unsaid: &[],
        ..PLAIN
    },
    Case { name: "no environment", change: |bundle| bundle.config["process"]["env"] = json!([]), ..PLAIN },
    Case {
        name: "a directory that is not there",
        change: |bundle| bundle.config["process"]["cwd"] = json!("/no/such"),
        ..PLAIN
    },
];

/// What came after Linux 4.4 and is used: each must have a way around it.
const NEWER: [&str; 7] = ["openat2", "statx", "close_range", "pidfd_open", "clone3", "faccessat2", "fchmodat2"];

const FILTERS: &[Case] = &[
    Case { name: "a kernel of 2016", change: |bundle| bundle.refuse(&NEWER, UNKNOWN), ..PLAIN },
    Case { name: "an engine of 2016", change: |bundle| bundle.refuse(&NEWER, FORBIDDEN), ..PLAIN },
    Case {
        name: "no step down is allowed",
        change: |bundle| bundle.refuse(&["setresuid", "setresgid"], FORBIDDEN),
        code: 111,
        ids: None,
        output: &["cannot switch to"],
        unsaid: &[],
        ..PLAIN
    },
];

#[test]
fn ids_of_every_kind() {
    check(IDS);
}

#[test]
fn more_and_less_power_than_docker_gives() {
    check(CAPABILITIES);
}

#[test]
fn surroundings_that_lack_something() {
    check(AROUND);
}

#[test]
fn filters_that_are_older_than_a_system_call() {
    check(FILTERS);
}

fn check(cases: &[Case]) {
    if !possible() {
        return;
    }
    let mut wrong = Vec::new();
    for case in cases {
        let mut bundle = Bundle::new();
        (case.change)(&mut bundle);
        let ended = bundle.run(case.rootless);
        let record = ended.record();
        let ids =
            record.as_ref().map(|record| (record["self"]["uids"][1].as_u64(), record["self"]["gids"][1].as_u64()));
        let expected = case.ids.map(|(uid, gid)| (Some(u64::from(uid)), Some(u64::from(gid))));
        // Where the app is somebody, nobody keeps anything, whatever was there at the start.
        let kept = record.as_ref().filter(|_| expected != Some((Some(0), Some(0)))).is_some_and(|record| {
            ["permitted", "effective", "ambient", "inheritable"]
                .iter()
                .any(|set| record["self"][set] != "0000000000000000")
        });
        let unsaid: Vec<_> = case.output.iter().filter(|word| !ended.output.contains(**word)).collect();
        let printed: Vec<_> = case.unsaid.iter().filter(|word| ended.output.contains(**word)).collect();
        if ended.code != case.code || ids != expected || kept || !unsaid.is_empty() || !printed.is_empty() {
            let Case { name, .. } = case;
            wrong.push(format!(
                "[{name}] code {}, ids {ids:?}, kept {kept}, unsaid {unsaid:?}, said {printed:?}:\n{}",
                ended.code, ended.output
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
