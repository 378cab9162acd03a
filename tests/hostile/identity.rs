//! Who one is without root, or with a root that is nobody outside.

use super::{BareContainer, hello, says, text};
use crate::support::try_container::{TryContainer, possible, subordinate_ids_possible};

const WHO: &str =
    r#"echo "HOME=$HOME USER=$USER LOGNAME=$LOGNAME uid=$(id -u) name=$(id -un) groups=$(id -G) umask=$(umask)""#;

fn identity_container() -> BareContainer {
    BareContainer::new().command(&["/bin/sh", "-c", WHO])
}

/// The line of [`WHO`].
fn output_of(name: &str, container: BareContainer) -> String {
    let ended = container.run();
    says(name, &ended, 0, &["HOME="]);
    text(&ended)
}

/// OpenShift's way: any uid, group 0, an account file that group 0 may write, in a directory that it may not.
const OPENSHIFT: &str = "chmod 0664 etc/passwd";

#[test]
fn an_unknown_uid_gets_a_line_where_the_file_alone_can_be_written() {
    if !possible() {
        return;
    }
    let shows = |container: BareContainer| {
        container.inside("echo inode $(stat -c %i /etc/passwd)").command(&[
            "/bin/sh",
            "-c",
            "id -un; echo inode $(stat -c %i:%a:%u:%g /etc/passwd); cat /etc/passwd",
        ])
    };
    let ended = shows(BareContainer::new().broken(OPENSHIFT).user(1_000_650_000, 0, "")).run();
    let all = text(&ended);
    says(
        "OpenShift",
        &ended,
        0,
        &["app\ninode ", "root:x:0:0:root:/root:/bin/sh\napp:x:1000650000:0::/tmp:/sbin/nologin\n"],
    );
    // The same file: nothing was renamed over it.
    let inode = all.lines().find_map(|line| line.strip_prefix("inode ")).unwrap().to_owned();
    assert!(all.contains(&format!("inode {inode}:664:0:0\n")), "{all}");
    // A last line without its newline gets it, a name that is taken is not used twice.
    let odd = "printf 'app:x:7:7::/:/bin/sh\\nlast:x:8:8::/:/bin/sh' >> etc/passwd";
    let ended = shows(BareContainer::new().broken(OPENSHIFT).broken(odd).user(4242, 0, "")).run();
    let lines = "app:x:7:7::/:/bin/sh\nlast:x:8:8::/:/bin/sh\napp-4242:x:4242:0::/tmp:/sbin/nologin\n";
    says("a name that is taken", &ended, 0, &["app-4242\n", lines]);
}

#[test]
fn a_file_that_is_the_hosts_or_a_link_or_has_two_names_is_not_appended_to() {
    if !possible() {
        return;
    }
    let old = "root:x:0:0:root:/root:/bin/sh\n";
    let cases = [
        (
            "a bind mount",
            "cp etc/passwd hosts; chmod 0666 hosts; mount --bind hosts etc/passwd",
            "skipped /etc/passwd: /etc/passwd is bind-mounted from the host; ",
        ),
        (
            "a link",
            "mv etc/passwd hosts; chmod 0666 hosts; ln -s ../hosts etc/passwd",
            "skipped /etc/passwd: /etc/passwd is a symbolic link; ",
        ),
        (
            "two names",
            "chmod 0666 etc/passwd; ln etc/passwd hosts",
            "cannot append to /etc/passwd: it has more than one link",
        ),
        ("not writable", ":", "skipped /etc/passwd: 4242:7 cannot write /etc; "),
    ];
    for (name, broken, message) in cases {
        let container = BareContainer::new().broken(broken).user(4242, 7, "").command(&[
            "/bin/sh",
            "-c",
            "echo USER=$USER HOME=$HOME; cat /etc/passwd",
        ]);
        let ended = container.run();
        says(name, &ended, 0, &[message, "USER=app HOME=/tmp\n", old]);
        assert!(!text(&ended).contains("4242:7:"), "{name}: {}", text(&ended));
    }
}

#[test]
fn home_is_the_best_that_there_is_and_the_top_only_in_the_end() {
    if !possible() {
        return;
    }
    let declared = "[app]\nhome = \"/config\"\n[[own]]\npath = \"/data\"\noptional = true\n";
    let known = "echo known:x:4242:7::/srv/known:/bin/sh >> etc/passwd";
    let open = |name: &str| format!("mkdir -p {name}; chmod 0777 {name}");
    // What was broken or made, what HOME was set to, what it is, what is said of it.
    let cases = [
        (vec![], "", "/tmp", Some("HOME is /tmp: 4242:7 cannot use /config; ")),
        (vec![open("config")], "", "/config", None),
        (vec![open("config"), open("mine")], "/mine", "/mine", None),
        (vec![open("data")], "", "/data", Some("HOME is /data: 4242:7 cannot use /config; ")),
        (vec![open("config")], "/root", "/config", None),
        (vec![open("config")], "/", "/config", None),
        (vec![known.to_owned(), open("srv/known")], "/srv/known", "/srv/known", None),
        (vec![known.to_owned(), "mkdir -p srv/known".to_owned()], "", "/srv/known", None),
        (vec![known.to_owned()], "/srv/known", "/tmp", Some("HOME is /tmp: ")),
        (vec![known.to_owned(), open("srv/known"), open("mine")], "/mine", "/mine", None),
        (vec!["chmod 0755 tmp".to_owned()], "", "/", Some("HOME is /: 4242:7 cannot use /config; ")),
    ];
    for (made, given, home, message) in cases {
        let name = format!("{made:?} {given}");
        let container = identity_container().user(4242, 7, "").etc("stepdown.toml", declared).broken(&made.join("\n"));
        let container = if given.is_empty() { container } else { container.env("HOME", given) };
        let all = output_of(&name, container);
        assert!(all.contains(&format!("HOME={home} USER=")), "{name}: {all}");
        match message {
            Some(message) => assert!(all.contains(message), "{name}: {all}"),
            None => assert!(!all.contains("HOME is "), "{name}: {all}"),
        }
    }
}

#[test]
fn groups_and_umask_are_those_that_were_given_or_asked_for() {
    if !possible() {
        return;
    }
    let container = || identity_container().user(4242, 7, "44,7,109").inside("umask 027");
    assert!(output_of("given", container()).contains("uid=4242 name="), "it runs");
    assert!(output_of("given", container()).contains("groups=7 44 109 umask=0027"));
    assert!(output_of("asked", container().env("UMASK", "002")).contains("groups=7 44 109 umask=0002"));
    assert!(output_of("declared", container().etc("stepdown.toml", "[app]\numask = \"077\"\n")).contains("umask=0077"));
}

#[test]
fn run_as_oneself_is_nothing_and_as_another_is_refused_with_the_fix() {
    if !possible() {
        return;
    }
    let run = |words: &str| {
        identity_container()
            .user(4242, 7, "44")
            .command(&["/bin/sh", "-c", &format!("/stepdown run-as {words} /usr/bin/id; echo code $?")])
            .run()
    };
    for oneself in ["app", "4242:7"] {
        says(oneself, &run(oneself), 0, &["uid=4242 gid=7 groups=7,44\ncode 0\n"]);
    }
    for (other, name) in [("root", "root (0:0)"), ("7:7", "7 (7:7)"), ("4242:8", "4242 (4242:8)")] {
        let refusal = format!("stepdown: cannot switch to {name}: ");
        let fix = "only root can switch to another user, and this is uid 4242; run the command without run-as";
        says(other, &run(other), 0, &[&refusal, fix, "code 111\n"]);
    }
    // A FIFO in the place of an account file is not waited for.
    let broken = identity_container().app().broken("rm etc/passwd etc/group; mkfifo etc/passwd etc/group");
    let ended = broken.command(&["/bin/sh", "-c", "/stepdown run-as nobody /bin/true; echo code $?"]).run();
    says("FIFO", &ended, 0, &["there is no user `nobody` in /etc/passwd", "code 100\n"]);
}

#[test]
fn in_a_user_namespace_the_id_outside_is_shown() {
    if !possible() || !subordinate_ids_possible() {
        return;
    }
    let hello = "type = \"oneshot\"\ncommand = [\"/bin/echo\", \"it runs\"]\n";
    let container = |uid: &str| {
        TryContainer::new().env("PUID", uid).env("PGID", "2345").service("hello.toml", hello).subordinate_ids()
    };
    let ended = container("1234").run().expect(0);
    says("mapped", &ended, 0, &["(1234:2345), on the host 101233:102344 (rootless: 0 here is 65534 there)"]);
    let ended = container("70000").run().expect(100);
    says(
        "not mapped",
        &ended,
        100,
        &[
            "PUID=70000: uid 70000 is not mapped in this user namespace (mapped: 0, 1-65536); choose a uid of that range",
        ],
    );
}

#[test]
fn where_one_id_is_mapped_the_app_cannot_be_another() {
    if !possible() {
        return;
    }
    let start = |container: BareContainer| container.unshare(&["--user", "--map-root-user"]);
    let ended = start(hello()).run();
    says(
        "PUID=1234",
        &ended,
        100,
        &["PUID=1234: uid 1234 is not mapped in this user namespace (mapped: 0); choose a uid of that range"],
    );
    // This one is root outside too, and no ordinary user.
    let root = || BareContainer::new().etc("services.d/hello.toml", super::HELLO).env("PUID", "0").env("PGID", "0");
    says("PUID=0", &start(root()).run(), 100, &["PUID=0: uid 0 is root; "]);
    let allowed = root().etc("stepdown.toml", "[app]\nallow_root = true\n");
    says("allowed", &start(allowed).run(), 0, &["it runs as 0:0"]);
}

/// Somebody else's uid: whether lookups answer with our name depends on whether the file can be written.
#[test]
fn the_account_that_answers_for_a_taken_uid_is_reported() {
    if !possible() {
        return;
    }
    let taken = "echo other:x:1234:2345::/:/bin/sh >> etc/passwd";
    let asks = ["/bin/sh", "-c", "echo answers $(id -un)"];
    let container = || BareContainer::new().app().size("size=400k").broken(taken).command(&asks);
    let ours = "uid 1234 also belongs to `other`: looking up the number gives `app`";
    says("written", &container().run(), 0, &[ours, "answers app\n"]);
    let theirs = "uid 1234 also belongs to `other`: looking up the number still gives `other`";
    let read_only = "mount --bind etc etc; mount -o remount,bind,ro etc";
    says("read-only", &container().broken(read_only).run(), 0, &[theirs, "answers other\n"]);
    let bound = "cp etc/passwd hosts; mount --bind hosts etc/passwd";
    says("bound", &container().broken(bound).run(), 0, &[theirs, "answers other\n"]);
    let full = "dd if=/dev/zero of=fill bs=4k 2> \"$0/dd\" || :";
    let undone = "/etc/passwd is unchanged; not done: account app (1234:2345) added; app placed \
        before other, which has uid 1234 too";
    says("full", &container().broken(full).run(), 0, &["cannot replace /etc/passwd", undone, "answers other\n"]);
}

/// A root oneshot that gives the app user another uid: the plan made afterwards says who owns what, and it is done.
#[test]
fn account_changes_of_a_root_oneshot_are_planned_and_applied_again() {
    if !crate::support::try_container::possible() {
        return;
    }
    let changes = "type = \"oneshot\"\nuser = \"root\"\ncommand = [\"/bin/sh\", \"-c\", \
        \"sed -i 's/^app:x:1234:/app:x:4321:/' /etc/passwd; chmod 666 /etc/passwd\"]\n";
    let container = "[[own]]\npath = \"/vol\"\n[[directory]]\npath = \"/vol/made\"\nclean = [\"*\"]\n";
    let looks = "stat -c 'it is %n %u' /vol /vol/made /vol/file; echo it runs as $(id -u)";
    let ended = BareContainer::new()
        .etc("stepdown.toml", container)
        .etc("services.d/changes.toml", changes)
        .broken(
            "mkdir vol; touch vol/file; echo app:x:1234:1234::/:/bin/sh >> etc/passwd; echo app:x:1234: >> etc/group",
        )
        .command(&["/bin/sh", "-c", looks])
        .run();
    let message = ["it runs as 4321", "it is /vol 4321", "it is /vol/made 4321", "it is /vol/file 4321"];
    let notice = "after the root oneshots: /etc/passwd has mode 0666, which is kept";
    says("changed", &ended, 0, &[&message[..], &[notice]].concat());
}
