//! What a child says between fork and exec: the stage that was refused, with the kernel's answer. Must not act.

use nix::errno::Errno;

use crate::supervise::SpawnError;

/// Stage and errno.
pub const RECORD: usize = 5;
/// The most that a child says of a refusal: a record, and words where there are some.
pub const MOST_SAID: usize = 1024;

/// The program was not executed.
pub const EXEC: &str = "cannot execute the program";
/// The working directory could not be entered.
pub const CHDIR: &str = "cannot change to the working directory";

/// What can be refused, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)] // the words below are the meaning
pub enum Stage {
    Session = 1,
    Descriptors,
    Limits,
    Nice,
    Capabilities,
    Groups,
    Gid,
    Uid,
    NoNewPrivs,
    Directory,
    Environment,
    Exec,
    /// Refused, and gone without: what follows is what became of the rest.
    Filter,
}

const STAGES: [(Stage, &str); 13] = [
    (Stage::Session, "cannot make a session"),
    (Stage::Descriptors, "cannot arrange the standard descriptors"),
    (Stage::Limits, "cannot set the resource limits"),
    (Stage::Nice, "cannot set the niceness"),
    (Stage::Capabilities, "cannot set the capabilities"),
    (Stage::Groups, "cannot set the supplementary groups"),
    (Stage::Gid, "cannot become the group"),
    (Stage::Uid, "cannot become the user"),
    (Stage::NoNewPrivs, "cannot set no_new_privs"),
    (Stage::Directory, CHDIR),
    (Stage::Environment, "cannot read environment_file"),
    (Stage::Exec, EXEC),
    (Stage::Filter, "cannot install the seccomp filter"),
];

/// Returns the refusal that a record tells of.
pub fn refusal(record: &[u8]) -> SpawnError {
    let stage = record.first().copied().unwrap_or_default();
    let stage = STAGES.iter().find(|(known, _)| *known as u8 == stage).map_or("cannot start", |(_, words)| *words);
    let words = String::from_utf8_lossy(record.get(RECORD..).unwrap_or_default());
    let errno = record.get(1..RECORD).and_then(|bytes| bytes.try_into().ok()).map_or(0, i32::from_ne_bytes);
    if stage == EXEC {
        // What is behind the errno; of any other stage the words say more exactly what it was.
        return SpawnError { what: stage.to_owned(), errno, explanation: words.into_owned() };
    }
    SpawnError::new(if words.is_empty() { stage } else { &words }, errno)
}

/// Returns what a child has said first where it goes without its filter, and the rest.
pub fn split(said: &[u8]) -> (Option<Errno>, &[u8]) {
    match said.split_at_checked(RECORD) {
        Some((first, rest)) if first.first() == Some(&(Stage::Filter as u8)) => {
            (Some(Errno::from_raw(refusal(first).errno)), rest)
        }
        Some(_) | None => (None, said),
    }
}

/// Returns what a child says of a stage.
pub fn record_of((stage, errno): (Stage, Errno)) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    let (first, rest) = record.split_at_mut(1);
    first.fill(stage as u8);
    rest.copy_from_slice(&(errno as i32).to_ne_bytes());
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_has_words_of_its_own() {
        for (at, (stage, words)) in (1..).zip(STAGES) {
            assert_eq!(stage as u8, at);
            let [a, b, c, d] = 13_i32.to_ne_bytes();
            let told = refusal(&[at, a, b, c, d]);
            assert_eq!((told.what.as_str(), told.errno), (words, 13));
        }
    }

    #[test]
    fn a_torn_record_is_still_a_refusal() {
        assert_eq!(refusal(&[]).what, "cannot start");
        assert_eq!(refusal(&[12]).what, "cannot execute the program");
        assert_eq!(refusal(&[11, 2, 0, 0, 0, b'x', b'y']).what, "xy");
    }

    #[test]
    fn a_refused_filter_is_told_beside_what_became_of_the_rest() {
        let (filter, exec) = (record_of((Stage::Filter, Errno::EPERM)), record_of((Stage::Exec, Errno::ENOENT)));
        assert_eq!(split(&filter), (Some(Errno::EPERM), &[][..]));
        assert_eq!(split(&[filter, exec].concat()), (Some(Errno::EPERM), &exec[..]));
        assert_eq!(split(&exec), (None, &exec[..]));
        assert_eq!(split(&[]), (None, &[][..]));
    }
}
