//! Standard descriptors that are closed, each combination, and then without a `/dev/null` to stand in for them.

use std::fs;

use super::{Cell, says, text};
use crate::jail::{LIMIT, possible};

const LOOK: &str = "ls -l /proc/self/fd > /out/seen; echo heard; exit 7";

#[test]
fn each_combination_of_closed_descriptors_boots_and_none_of_them_is_somebody_elses() {
    if !possible() {
        return;
    }
    for bits in 1..8_i32 {
        for null in [true, false] {
            let closed: Vec<i32> = (0..3).filter(|fd| bits & (1 << fd) != 0).collect();
            let name = format!("closed {closed:?}, /dev/null: {null}");
            let cell = Cell::new().app().closed(&closed).command(&["/bin/sh", "-c", LOOK]);
            let cell = if null { cell } else { cell.broken("umount dev/null; rm dev/null") };
            let out = cell.out();
            let (ended, _home) = cell.start().wait_keeping(LIMIT);
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
            // What was closed stays silent, the rest speaks.
            let all = text(&ended);
            assert_eq!(all.contains("heard"), !closed.contains(&1), "{name}: {all}");
            let told = all.contains("closed when the container began");
            assert_eq!(told, !closed.contains(&2), "{name}: {all}");
        }
    }
}
