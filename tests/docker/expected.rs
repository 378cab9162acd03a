//! What the recorder must see in an environment: its whole record, for each of the four programs of the tree.

use serde_json::{Map, Value, json};

use crate::support::environments::{Degradation, Environment, Mode};
use crate::support::record_comparison::merge;

/// The programs of `tests/docker/environments`, in the order in which they start.
pub const PROGRAMS: [&str; 4] = ["seed", "store", "web", "main"];
/// In the order in which they stop.
pub const STOPS: [&str; 3] = ["main", "web", "store"];

const NET_BIND_SERVICE: u64 = 1 << 10;

/// Returns the record of `program`, as [`masked`] leaves it.
pub fn record(environment: &Environment, program: &str) -> Value {
    let row = environment;
    let as_root = program == "seed" && row.steps_down();
    let requested = program == "web" && row.steps_down() && granted(row);
    let ambient = if requested { NET_BIND_SERVICE } else { 0 };
    let mut whole = json!({
        "self": if as_root { full(row, "1") } else { who(row, ambient) },
        "descriptors": { "0": "/dev/null", "1": "pipe", "2": "pipe" },
        "umask": variable(row, "UMASK").unwrap_or("022"),
        "securebits": 0,
        "dumpable": 1,
        "signals": { "blocked": set(0), "ignored": set(0) },
        "environment": variables(row, as_root),
        "directory": "/",
        "session": { "group": "self", "session": "self", "tty": "ENXIO" },
        "oom_score_adj": "0",
        // Docker's filter, and the one that protects PID 1 from services.
        "seccomp": if row.flags.contains("seccomp=unconfined") { "1" } else { "2" },
        "files": files(row, program),
        "starter": if as_root { before(row) } else { after(row) },
    });
    if program == "web" {
        whole["port"] = json!("bound");
    }
    if row.pid_one {
        whole["session"]["parent"] = json!(1);
        whole["pid_one"] = pid_one(row, as_root);
    }
    whole
}

/// Returns whether there is what `web` declares. That it lacks it is no loss where anybody may bind port 80.
fn granted(environment: &Environment) -> bool {
    environment.bounding & NET_BIND_SERVICE != 0
}

/// Ids and sets of a program that runs as the app user, or as the user there is instead.
fn who(environment: &Environment, caps: u64) -> Value {
    let ((uid, gid), caps) = (environment.ids, set(caps));
    json!({
        "uids": [uid, uid, uid, uid], "gids": [gid, gid, gid, gid], "groups": groups(environment),
        "inheritable": caps, "permitted": caps, "effective": caps, "ambient": caps, "bounding": set(environment.bounding),
        "no_new_privs": "1", "threads": "1",
    })
}

/// Root as the runtime made it.
fn full(environment: &Environment, no_new_privs: &str) -> Value {
    let groups = [&[0], environment.groups].concat();
    json!({
        "uids": [0, 0, 0, 0], "gids": [0, 0, 0, 0], "groups": groups,
        "inheritable": set(0), "permitted": set(environment.bounding), "effective": set(environment.bounding), "ambient": set(0),
        "bounding": set(environment.bounding), "no_new_privs": no_new_privs, "threads": "1",
    })
}

/// PID 1 before it steps down.
fn before(environment: &Environment) -> Value {
    full(environment, if environment.flags.contains("no-new-privileges") { "1" } else { "0" })
}

/// PID 1 for the rest of its life: it keeps what it gives to `web`, and a gid of its own where it could have one.
fn after(environment: &Environment) -> Value {
    let mut first = who(environment, 0);
    if environment.steps_down() {
        first["gids"][2] = json!("private");
        first["permitted"] = json!(set(if granted(environment) { NET_BIND_SERVICE } else { 0 }));
    }
    first
}

/// PID 1 as it is seen, and what may be done to it: nothing but asking, once it is what it stays.
fn pid_one(environment: &Environment, as_root: bool) -> Value {
    let closed = |what: &str| json!({ "environ": what, "mem": what, "maps": what, "fd": what, "ptrace": what });
    let mut all = if as_root { closed("open") } else { closed("EACCES") };
    if environment.ids.0 == 0 {
        // Root may list what it cannot open.
        all["fd"] = json!("open");
    }
    all["ptrace"] = json!(if as_root { "allowed" } else { "EPERM" });
    // A gid that only PID 1 has; without one the kernel lets the same uid set limits (SECURITY fact 2).
    all["prlimit"] = json!(if environment.steps_down() && !as_root { "EPERM" } else { "allowed" });
    all["kill"] = json!("allowed");
    all["is"] = if as_root { before(environment) } else { after(environment) };
    all
}

fn groups(environment: &Environment) -> Vec<u32> {
    let mut all = environment.groups.to_vec();
    all.push(environment.ids.1);
    all.sort_unstable();
    all
}

/// Returns the name of who serves. A line that is added to `/etc/passwd` cannot have the name of the image's own account.
pub fn name(environment: &Environment) -> String {
    match (environment.ids.0, environment.mode) {
        (0, _) => "root".to_owned(),
        (uid, Mode::Unknown) if !environment.loses(Degradation::Name) => format!("app-{uid}"),
        _ => "app".to_owned(),
    }
}

fn variables(environment: &Environment, as_root: bool) -> Value {
    let (name, home) = if as_root { ("root".to_owned(), "/root") } else { (name(environment), "/data") };
    let mut all: Map<String, Value> = given(environment).map(|(name, value)| (name.to_owned(), json!(value))).collect();
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let ours = [("HOME", home), ("USER", &name), ("LOGNAME", &name), ("HOSTNAME", "box"), ("PATH", path)];
    all.extend(ours.map(|(name, value)| (name.to_owned(), json!(value))));
    Value::Object(all)
}

/// The variables that the flags give.
fn given(environment: &Environment) -> impl Iterator<Item = (&'static str, &'static str)> {
    let words: Vec<&str> = environment.flags.split_whitespace().collect();
    let pairs: Vec<_> =
        words.windows(2).filter(|pair| pair[0] == "-e").filter_map(|pair| pair[1].split_once('=')).collect();
    pairs.into_iter()
}

fn variable(environment: &Environment, wanted: &str) -> Option<&'static str> {
    given(environment).find(|(name, _)| *name == wanted).map(|(_, value)| value)
}

/// What became of the one file that each of them writes.
fn files(environment: &Environment, program: &str) -> Value {
    let no_tmp = environment.flags.contains("--read-only") && !environment.flags.contains("--tmpfs /tmp");
    let closed =
        environment.loses(Degradation::Data) || program == "seed" && environment.loses(Degradation::RootsReach);
    let (path, refused) = match program {
        "web" => ("/run/web/pid", environment.loses(Degradation::RunWeb).then_some("ENOENT")),
        "main" => ("/tmp/main", no_tmp.then_some("EROFS")),
        "seed" => ("/data/seed", closed.then_some("EACCES")),
        _ => ("/data/store", closed.then_some("EACCES")),
    };
    json!({ path: refused.unwrap_or("written") })
}

fn set(bits: u64) -> String {
    format!("{bits:016x}")
}

/// Puts words in the place of what is different on every machine, and takes away what is another's: limits and niceness
/// come from the daemon, and PID 1 may be somebody else.
pub fn masked(environment: &Environment, mut record: Value) -> Value {
    let whole = record.as_object_mut().expect("a record is an object");
    for name in ["limits", "nice", "cgroup"] {
        assert!(whole.remove(name).is_some(), "the record has no {name}");
    }
    if !environment.pid_one {
        whole.remove("pid_one");
        assert!(whole["session"]["parent"].as_u64().is_some_and(|pid| pid > 1));
        merge(&mut record, json!({ "session": { "parent": null } }));
        record["session"].as_object_mut().expect("it is one").remove("parent");
    }
    for first in ["/starter", "/pid_one/is"] {
        let Some(gids) = record.pointer_mut(&format!("{first}/gids")) else { continue };
        if gids[2] != gids[0] && gids[2] != json!(0) {
            gids[2] = json!("private");
        }
    }
    if environment.mode == Mode::Refused { Value::Null } else { record }
}
