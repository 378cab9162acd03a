//! Settings that contradict each other, or the machine.

use super::{BareContainer, hello, says};
use crate::support::try_container::possible;

fn configured(toml: &str) -> BareContainer {
    hello().etc("stepdown.toml", toml)
}

#[test]
fn puid_without_root_is_ignored_and_that_is_reported_once() {
    if !possible() {
        return;
    }
    let line = "PUID=1234 and PGID=2345 are ignored: this container runs as 4242:7 and cannot change that";
    let bare = BareContainer::new().app().user(4242, 7, "").command(&["/bin/true"]).run();
    let with_service = hello().user(4242, 7, "").run();
    says("a bare command", &bare, 0, &[line]);
    says("a service", &with_service, 0, &[line, "it runs as 4242:7"]);
    for ended in [bare, with_service] {
        assert_eq!(ended.lines.iter().filter(|found| found.text.contains("ignored")).count(), 1, "{ended:#?}");
    }
}

#[test]
fn contradictions_end_with_100_and_what_to_write_instead() {
    if !possible() {
        return;
    }
    let zero = |container: BareContainer| container.env("PUID", "0").env("PGID", "0");
    let dropped = configured("drop = \"app\"\n[app]\nallow_root = true\n");
    let kept =
        configured("drop = \"app\"\n").etc("services.d/r.toml", "command = [\"sleep\", \"9\"]\nuser = \"root\"\n");
    let cases = [
        (
            "allow_root and drop",
            zero(dropped),
            "PUID=0: uid 0 is not possible with `drop = \"app\"`; choose another uid, or remove",
        ),
        (
            "a root service and drop",
            kept,
            "`r` runs as root for good, and `drop = \"app\"` keeps nothing; remove it, or write",
        ),
        (
            "zero",
            zero(hello()),
            "PUID=0: uid 0 is root; choose another uid such as 1000; if the app must be root, write",
        ),
        ("-1", hello().env("PUID", "-1"), "PUID=-1: "),
    ];
    for (name, container, message) in cases {
        let ended = container.run();
        says(name, &ended, 100, &["stepdown: error: cannot start, ", message]);
        assert!(!ended.lines.iter().any(|line| line.text.contains("it runs as")), "{name}: {ended:#?}");
    }
}

#[test]
fn a_required_path_that_cannot_be_owned_ends_with_111_and_the_fix() {
    if !possible() {
        return;
    }
    let required = "[[own]]\npath = \"/data\"\nrequired = true\n";
    let read_only = "mkdir data; mount -t tmpfs -o ro tmpfs data";
    let cases = [
        (
            configured(required).broken(read_only),
            "/data is read-only\nstepdown:   fix: make /data writable: remove `:ro`",
        ),
        (
            configured(required),
            "/data does not exist\nstepdown:   fix: compose: `volumes: [\"data:/data\"]`; docker run: `-v data:/data`; or write `create = true`",
        ),
        (
            configured(required).broken("ln -s usr data"),
            "/data is a symbolic link, and root follows none\nstepdown:   fix: ",
        ),
        (
            configured(required).broken("mkdir -m 0700 data").user(4242, 7, ""),
            "/data is 0:0 0700\nstepdown:   fix: on the host: `chown -R 4242:7`",
        ),
    ];
    for (container, message) in cases {
        let ended = container.run();
        says(message, &ended, 111, &["cannot give /data to ", message]);
        assert!(!ended.lines.iter().any(|line| line.text.contains("it runs as")), "{message}: {ended:#?}");
    }
}

#[test]
fn a_strict_image_does_not_start_without_root() {
    if !possible() {
        return;
    }
    let message = "cannot start as 4242:7, without root: `without_root = \"refuse\"` in the container file";
    says("strict", &configured("without_root = \"refuse\"\n").user(4242, 7, "").run(), 111, &[message]);
}
