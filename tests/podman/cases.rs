//! The usual ways to run a container without root: who the app becomes, inside and on the host, and what is said.

use super::rootless::{Rootless, SUBORDINATE, UID, records};

/// Options, exit code, uid and gid of the main command, words that are said.
type Case = (&'static str, i32, Option<(u32, u32)>, &'static [&'static str]);

const CASES: &[Case] = &[
    // Root of the namespace steps down to the same user as anywhere else.
    ("", 4, Some((1000, 1000)), &["app (1000:1000)", "keeps nothing"]),
    ("-e PUID=1234 -e PGID=2345", 4, Some((1234, 2345)), &["app (1234:2345)"]),
    // 0 is an ordinary user of the host here, and no `allow_root` is needed.
    ("-e PUID=0 -e PGID=0", 4, Some((0, 0)), &["app (0:0)", "PID 1 stays root"]),
    ("-e PUID=0 -e PGID=0 --cap-drop all", 4, Some((0, 0)), &["app (0:0)"]),
    ("-e PUID=0 -e PGID=0 --read-only", 4, Some((0, 0)), &["/etc is read-only"]),
    ("-e PUID=70000", 100, None, &["PUID=70000: uid 70000 is not mapped", "0, 1-65536"]),
    ("-e PGID=70000", 100, None, &["PGID=70000: gid 70000 is not mapped", "0, 1-65536"]),
    ("--user 1000:1000", 4, Some((1000, 1000)), &["mode: user"]),
    ("--user 4242:4242 --read-only --cap-drop all --security-opt no-new-privileges", 4, Some((4242, 4242)), &[]),
    ("--userns=keep-id", 4, Some((UID, UID)), &["mode: user"]),
    ("--userns=keep-id -e PUID=1000", 4, Some((UID, UID)), &["PUID=1000 is ignored"]),
    ("--userns=keep-id:uid=1000,gid=1000", 4, Some((1000, 1000)), &["mode: user"]),
    ("--userns=keep-id --user 0:0 -e PUID=61500 -e PGID=61500", 4, Some((UID, UID)), &["app (61500:61500)"]),
    // Whoever owns the pipes of the log is not mapped here, and no capability counts for them.
    ("--userns=auto", 4, Some((1000, 1000)), &["its owner is not mapped in this user namespace"]),
    ("--userns=auto -e PUID=70000", 100, None, &["uid 70000 is not mapped"]),
    // Few ids.
    ("--uidmap 0:0:1 --uidmap 1000:1:1 --gidmap 0:0:1 --gidmap 1000:1:1", 4, Some((1000, 1000)), &[]),
    (
        "--uidmap 0:0:1 --uidmap 1000:1:1 --gidmap 0:0:1 --gidmap 1000:1:1 -e PUID=1001",
        100,
        None,
        &["uid 1001 is not mapped in this user namespace (mapped: 0, 1000)"],
    ),
];

/// With root, whose defaults are not quite Docker's: no AUDIT_WRITE, MKNOD and NET_RAW; a tmpfs at /run and /tmp under
/// `--read-only`.
const ROOTFUL: &[Case] = &[
    ("-e PUID=1234 -e PGID=2345", 4, Some((1234, 2345)), &["app (1234:2345)", "keeps nothing"]),
    ("-e PUID=1234 --read-only", 4, Some((1234, 1000)), &["/etc is read-only"]),
    ("-e PUID=1234 --cap-drop all --cap-add SETUID --cap-add SETGID --cap-add CHOWN", 4, Some((1234, 1000)), &[]),
    ("-e PUID=1234 --cap-drop all", 111, None, &["cap_add"]),
    ("-e PUID=0", 100, None, &["uid 0 is root"]),
    ("--user 4242:0 --read-only --cap-drop all --security-opt no-new-privileges", 4, Some((4242, 0)), &["mode: user"]),
    // Another user namespace, and root of it is an ordinary user of the host.
    ("--userns=auto -e PUID=1000", 4, Some((1000, 1000)), &["app (1000:1000)"]),
    ("--userns=auto:size=500 -e PUID=1000", 100, None, &["uid 1000 is not mapped", "0-499"]),
];

#[test]
fn every_usual_user_namespace_ends_in_a_user_or_a_named_refusal() {
    let Some(rootless) = Rootless::available() else { return };
    check(&rootless, CASES);
}

#[test]
fn with_root_it_is_as_under_docker() {
    let Some(rootful) = Rootless::rootful() else { return };
    check(&rootful, ROOTFUL);
}

fn check(podman: &Rootless, cases: &[Case]) {
    let mut wrong = Vec::new();
    for (options, code, ids, words) in cases {
        let ended = podman.run(options, "recorder --exit 4");
        let found: Vec<_> = ended
            .records()
            .iter()
            .map(|record| (record["self"]["uids"][0].as_u64(), record["self"]["gids"][0].as_u64()))
            .collect();
        let expected = ids.map(|(uid, gid)| (Some(u64::from(uid)), Some(u64::from(gid))));
        let unsaid: Vec<_> = words.iter().filter(|word| !ended.output.contains(**word)).collect();
        if ended.code != *code
            || !unsaid.is_empty()
            || found.is_empty() != ids.is_none()
            || found.iter().any(|ids| Some(*ids) != expected)
        {
            wrong.push(format!("[{options}] code {} ids {found:?}, unsaid {unsaid:?}:\n{}", ended.code, ended.output));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn on_the_host_the_app_is_a_subordinate_id_or_the_user_itself() {
    let Some(rootless) = Rootless::available() else { return };
    for (name, options, uid) in [
        ("default", "-e PUID=1000", SUBORDINATE + 999), // id 0 is the user, 1 the first subordinate one
        ("zero", "-e PUID=0 -e PGID=0", UID),
        ("keep", "--userns=keep-id", UID),
    ] {
        rootless.start(name, options);
        let log = rootless.wait_for_log(name, "RECORD {");
        assert_eq!(rootless.host_uids("recorder"), [uid], "{options}: {log}");
        // PID 1 is the same user: nobody of this container is more.
        assert_eq!(rootless.host_uids("/usr/bin/stepdown"), [uid], "{options}: {log}");
        assert_eq!(records(&log).len(), 1);
        rootless.must(&["stop", "--time=9", name]);
        assert_eq!(
            rootless.must(&["inspect", "--format={{.State.ExitCode}}", name]).trim(),
            "0",
            "{}",
            rootless.wait_for_log(name, "")
        );
        rootless.must(&["rm", name]);
    }
}
