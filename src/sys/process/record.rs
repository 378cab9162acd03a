//! What a child says between fork and exec: the stage that was refused, with the kernel's answer. Must not act.

use nix::errno::Errno;

use crate::supervise::{SpawnError, SpawnStage};

/// Stage and errno.
pub const RECORD: usize = 5;
/// The most that a child says of a refusal: a record, and words where there are some.
pub const MOST_SAID: usize = 1024;

/// The code of a filter that was refused: the process goes without, and what follows is what became of the rest.
const FILTER: u8 = u8::MAX;

/// Returns the refusal that a record tells of.
pub fn refusal(record: &[u8]) -> SpawnError {
    let stage = record.first().and_then(|code| SpawnStage::ALL.into_iter().find(|stage| *stage as u8 == *code));
    let words = String::from_utf8_lossy(record.get(RECORD..).unwrap_or_default());
    SpawnError {
        explanation: words.into_owned(),
        ..SpawnError::new(stage.unwrap_or(SpawnStage::Unknown), errno_of(record))
    }
}

fn errno_of(record: &[u8]) -> i32 {
    record.get(1..RECORD).and_then(|bytes| bytes.try_into().ok()).map_or(0, i32::from_ne_bytes)
}

/// Returns what a child has said first where it goes without its filter, and the rest.
pub fn split(said: &[u8]) -> (Option<Errno>, &[u8]) {
    match said.split_at_checked(RECORD) {
        Some((first, rest)) if first.first() == Some(&FILTER) => (Some(Errno::from_raw(errno_of(first))), rest),
        Some(_) | None => (None, said),
    }
}

/// Returns what a child says of a stage.
pub fn record_of((stage, errno): (SpawnStage, Errno)) -> [u8; RECORD] {
    record(stage as u8, errno)
}

/// Returns what a child says of a filter that was refused.
pub fn record_of_filter(errno: Errno) -> [u8; RECORD] {
    record(FILTER, errno)
}

fn record(code: u8, errno: Errno) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    let (first, rest) = record.split_at_mut(1);
    first.fill(code);
    rest.copy_from_slice(&(errno as i32).to_ne_bytes());
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_comes_back_as_it_was_said() {
        for stage in SpawnStage::ALL {
            assert_eq!(refusal(&record_of((stage, Errno::EACCES))), SpawnError::new(stage, Errno::EACCES as i32));
        }
    }

    #[test]
    fn a_torn_record_is_still_a_refusal() {
        assert_eq!(refusal(&[]), SpawnError::new(SpawnStage::Unknown, 0));
        assert_eq!(refusal(&[SpawnStage::Exec as u8]), SpawnError::new(SpawnStage::Exec, 0));
        let said = [&record_of((SpawnStage::EnvironmentFile, Errno::ENOENT))[..], b"xy"].concat();
        let why = SpawnError { explanation: "xy".into(), ..SpawnError::new(SpawnStage::EnvironmentFile, 2) };
        assert_eq!(refusal(&said), why);
    }

    #[test]
    fn a_refused_filter_is_told_beside_what_became_of_the_rest() {
        let (filter, exec) = (record_of_filter(Errno::EPERM), record_of((SpawnStage::Exec, Errno::ENOENT)));
        assert_eq!(split(&filter), (Some(Errno::EPERM), &[][..]));
        assert_eq!(split(&[filter, exec].concat()), (Some(Errno::EPERM), &exec[..]));
        assert_eq!(split(&exec), (None, &exec[..]));
        assert_eq!(split(&[]), (None, &[][..]));
    }
}
