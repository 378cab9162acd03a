//! A root filesystem without room: every write of the boot, one after the other, meets ENOSPC.

use super::{hello, says, text};
use crate::support::try_container::{LIMIT, possible};

/// Takes all the room that is left, byte by byte in the end.
const FILL: &str = "dd if=/dev/zero of=fill bs=4k 2> \"$0/dd\" || :; while echo x >> fill2; do :; done 2> \"$0/dd\"; :";
/// Takes every inode that is left.
const FILES: &str = "at=0; while touch f$at; do at=$((at + 1)); done 2> \"$0/touch\"; :";

const CONTAINER: &str = r#"
[[own]]
path = "/data"
create = true
[[directory]]
path = "/var/cache/web"
"#;

/// Writes its log into files.
const WEB: &str = r#"
command = ["/bin/sh", "-c", "echo to the log; exec sleep 600"]
log = { directory = "/var/log/web" }
"#;

#[test]
fn where_nothing_fits_each_write_is_named_and_the_services_run() {
    if !possible() {
        return;
    }
    let full = "No space left on device";
    let always = [
        format!("warning: cannot replace /etc/group: cannot write the new file: {full}"),
        format!("warning: cannot replace /etc/passwd: cannot write the new file: {full}"),
        format!("warning: cannot create a runtime directory: /run/stepdown (cannot write to it: {full}"),
        format!("web: cannot write /var/log/web/current: {full}"),
    ];
    let message: Vec<&str> = always.iter().map(String::as_str).chain(["it runs as 1234:2345", "| web: up"]).collect();
    let running =
        hello().size("size=400k").etc("stepdown.toml", CONTAINER).etc("services.d/web.toml", WEB).broken(FILL);
    let running = running.start();
    running.wait_for_line(|line| line.contains("web: cannot write"), LIMIT);
    running.wait_for_line(|line| line.contains("it runs as"), LIMIT);
    let ended = stop(running);
    says("no bytes", &ended, 0, &message);
}

#[test]
fn where_no_file_can_be_made_each_one_is_named_and_the_services_run() {
    if !possible() {
        return;
    }
    let full = "No space left on device";
    let always = [
        format!("warning: cannot replace /etc/group: cannot create a new file: {full}"),
        format!("warning: cannot replace /etc/passwd: cannot create a new file: {full}"),
        format!("warning: cannot create a runtime directory: /run/stepdown (cannot create it: {full}"),
        format!("warning: cannot create /var/cache/web: var: {full}"),
        format!("warning: cannot create /var/log/web: var: {full}"),
        "warning: /data: left 1 entry as found: cannot create".to_owned(),
    ];
    let message: Vec<&str> = always.iter().map(String::as_str).chain(["it runs as 1234:2345", "| web: up"]).collect();
    let running = hello().size("nr_inodes=60").etc("stepdown.toml", CONTAINER).etc("services.d/web.toml", WEB);
    let running = running.broken(FILES).start();
    running.wait_for_line(|line| line.contains("it runs as"), LIMIT);
    running.wait_for_line(|line| line.contains("| web: up"), LIMIT);
    says("no inodes", &stop(running), 0, &message);
}

/// What was there before is there afterwards: an account file is not cut short by a disk that is full.
#[test]
fn a_full_disk_costs_no_line_of_an_account_file() {
    if !possible() {
        return;
    }
    let shows = "type = \"oneshot\"\ncommand = [\"/bin/cat\", \"/etc/passwd\", \"/etc/group\"]\n";
    let whole = ["shows    | root:x:0:0:root:/root:/bin/sh\n", "shows    | root:x:0:\n"];
    let root = hello().size("size=400k").etc("services.d/shows.toml", shows).broken(FILL);
    says("as root", &root.run(), 0, &whole);
    // Without root the file itself is written to: six bytes of the line fit into its last page.
    let open = "head -c 4059 /dev/zero | tr '\\0' '#' > pad; { echo root:x:0:0:root:/root:/bin/sh; cat pad; echo; } > etc/passwd; chmod 0664 etc/passwd";
    let user =
        hello().size("size=400k").etc("services.d/shows.toml", shows).user(4242, 0, "").broken(open).broken(FILL);
    let ended = user.run();
    says("as a user", &ended, 0, &[whole[0], "cannot append to /etc/passwd: No space left on device"]);
    assert!(!text(&ended).contains(":4242:"), "{}", text(&ended));
}

fn stop(running: crate::support::try_container::Running) -> crate::support::try_container::Ended {
    let first = nix::unistd::Pid::from_raw(running.pid_one());
    nix::sys::signal::kill(first, nix::sys::signal::Signal::SIGTERM).unwrap();
    running.wait(LIMIT)
}
