//! How many pages a boot faults in: compared with what a shell needs as PID 1 for starting the same program, because a number
//! would be of one machine and of one compiler. What is counted is the static binary, as images have it.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::support::bare_container::BareContainer;
use crate::support::docker::{binary, binary_problem};
use crate::support::skip::can_run;
use crate::support::try_container::{Origin, possible};

/// As a program of much less code, times this. Measured: 2.9.
const FACTOR: u64 = 4;

/// What the first program does: it says how many pages PID 1 has faulted in by then (proc_pid_stat(5)).
const COUNT: [&str; 3] = ["/bin/sh", "-c", "read -r line < /proc/1/stat; echo $line"];

/// Returns that number, of a container with this PID 1.
fn faults(program: PathBuf) -> u64 {
    let ended = BareContainer::new().program(program).command(&COUNT).run();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let stat = ended.text(Origin::Out);
    stat.split(' ').nth(9).and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("{ended:#?}"))
}

#[test]
fn a_boot_faults_in_few_pages_more_than_a_shell() {
    if !possible() || !can_run(binary_problem()) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let shell = place.path().join("shell");
    // Called as `/stepdown init -- COMMAND`; the colon keeps it from executing the program in its own place.
    std::fs::write(&shell, "#!/bin/sh\nshift 2\n\"$@\"\n:\n").unwrap();
    std::fs::set_permissions(&shell, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (ours, shells) = (faults(binary()), faults(shell));
    assert!(ours <= FACTOR * shells, "{ours} pages, a shell has {shells}");
}
