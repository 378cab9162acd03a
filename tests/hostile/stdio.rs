//! Standard descriptors that are closed, each combination, and then without a `/dev/null` to stand in for them.

use std::fs;

use super::{BareContainer, says, text};
use crate::support::try_container::{LIMIT, possible};

const LOOK: &str = "ls -l /proc/self/fd > /out/seen; echo heard; exit 7";

#[test]
fn each_combination_of_closed_descriptors_boots_and_none_is_used_for_another_file() {
    if !possible() {
        return;
    }
    for bits in 1..8_i32 {
        for null in [true, false] {
            let closed: Vec<i32> = (0..3).filter(|fd| bits & (1 << fd) != 0).collect();
            let name = format!("closed {closed:?}, /dev/null: {null}");
            let container = BareContainer::new().app().closed(&closed).command(&["/bin/sh", "-c", LOOK]);
            let container = if null { container } else { container.broken("umount dev/null; rm dev/null") };
            let out = container.out();
            let (ended, _home) = container.start().wait_keeping(LIMIT);
            let seen =
                fs::read_to_string(out.join("seen")).unwrap_or_else(|cause| panic!("{name}: {cause}; {ended:#?}"));
            says(&name, &ended, 7, &[]);
            for fd in &closed {
                let line = seen
                    .lines()
                    .find(|line| line.contains(&format!(" {fd} -> ")))
                    .unwrap_or_else(|| panic!("{name}: {seen}"));
                let stands_in = match (fd, null) {
                    (1, _) => "/out/seen", // the list itself
                    (_, true) => "/dev/null",
                    (0, false) => "pipe:",
                    (_, false) => "socket:",
                };
                assert!(line.contains(stands_in), "{name}: {line}");
            }
            // Nothing is printed to what was closed; the rest is printed to.
            let all = text(&ended);
            assert_eq!(all.contains("heard"), !closed.contains(&1), "{name}: {all}");
            let message = all.contains("closed when the container started");
            assert_eq!(message, !closed.contains(&2), "{name}: {all}");
        }
    }
}

/// The files of cron, which belong to no service: `check` in the image names each line of theirs.
#[test]
fn check_names_the_cron_jobs_whose_output_would_be_lost() {
    if !possible() {
        return;
    }
    let job = "# nightly\n0 3 * * * root /usr/bin/backup >/proc/1/fd/1 2>/proc/1/fd/2\n";
    let script = "#!/bin/sh\nexec report > /proc/1/fd/1\n";
    let container = BareContainer::new()
        .app()
        .etc("services.d/web.toml", "command = [\"sleep\", \"600\"]\n")
        .etc("cron.d/backup", job)
        .etc("cron.daily/report", script)
        .etc("crontab", "17 * * * * root true\n");
    let ended = container.command(&["/stepdown", "check"]).run();
    let named = "cannot be opened, because PID 1 is protected; write to /dev/";
    says(
        "cron",
        &ended,
        0,
        &[
            &format!("/etc/cron.d/backup:2: `/proc/1/fd/1` {named}stdout"),
            &format!("/etc/cron.d/backup:2: `/proc/1/fd/2` {named}stderr"),
            &format!("/etc/cron.daily/report:2: `/proc/1/fd/1` {named}stdout"),
            "in a cron job, append to a file that a service shows (`command = [\"tail\", \"-F\", FILE]`)",
        ],
    );
    assert!(!text(&ended).contains("/etc/crontab:"), "{}", text(&ended));
}
