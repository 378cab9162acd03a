//! `s6-setlock` beside the original.

use std::process::{Command, Stdio};

use super::both::{as_the_originals, calls, original, own_commands};

#[test]
fn a_lock_for_the_rest() {
    as_the_originals(&calls(&[
        &["s6-setlock"],
        &["s6-setlock", "lock"],
        &["s6-setlock", "lock", "echo", "a"],
        &["s6-setlock", "-r", "lock", "echo", "a"],
        &["s6-setlock", "-n", "lock", "s6-setlock", "-n", "other", "echo", "a"],
        &["s6-setlock", "missing/lock", "echo", "a"],
        &["s6-setlock", "-r", "missing/lock", "echo", "a"],
        &["s6-setlock", "-t", "x", "lock", "echo", "a"],
        &["s6-setlock", "lock", "sh", "-c", "s6-setlock -n lock true; echo $?"],
        &["s6-setlock", "lock", "sh", "-c", "s6-setlock -t 20 lock true; echo $?"],
        &["s6-setlock", "-r", "lock", "sh", "-c", "s6-setlock -nr lock echo both"],
    ]));
}

#[test]
fn each_respects_the_locks_of_the_other() {
    let Some(theirs) = original("s6-setlock") else { return };
    let place = tempfile::tempdir().unwrap();
    let ours = own_commands().join("s6-setlock");
    for (one, other) in [(&theirs, &ours), (&ours, &theirs)] {
        let mut holder = Command::new(one);
        holder.args(["lock", "sh", "-c", "echo held; read line"]).current_dir(place.path());
        let mut holder = holder.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(holder.stdout.take().unwrap()), &mut line).unwrap();
        let refused = Command::new(other).args(["-n", "lock", "true"]).current_dir(place.path()).output().unwrap();
        assert_eq!(refused.status.code(), Some(1), "{}", other.display());
        drop(holder.stdin.take());
        holder.wait().unwrap();
        let free = Command::new(other).args(["-n", "lock", "true"]).current_dir(place.path()).output().unwrap();
        assert_eq!(free.status.code(), Some(0), "{}", other.display());
    }
}
