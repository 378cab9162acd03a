//! What a child reports between fork and exec: the step that failed, with its errno. Must not act.

use nix::errno::Errno;

use crate::supervise::{SpawnError, SpawnStep};

/// Stage and errno.
pub const RECORD_SIZE: usize = 5;
/// Most bytes of a child's report: a record, and an explanation if there is one.
pub const MAX_REPORT: usize = 1024;

/// The code of a filter that could not be installed: the process continues without, and another record may follow.
const FILTER: u8 = u8::MAX;

/// Returns the error of a record.
pub fn parse(record: &[u8]) -> SpawnError {
    let step = record.first().and_then(|code| SpawnStep::ALL.into_iter().find(|step| *step as u8 == *code));
    let words = String::from_utf8_lossy(record.get(RECORD_SIZE..).unwrap_or_default());
    SpawnError {
        explanation: words.into_owned(),
        ..SpawnError::new(step.unwrap_or(SpawnStep::Unknown), errno_of(record))
    }
}

fn errno_of(record: &[u8]) -> i32 {
    record.get(1..RECORD_SIZE).and_then(|bytes| bytes.try_into().ok()).map_or(0, i32::from_ne_bytes)
}

/// Splits off the error of the filter, if the report begins with one.
pub fn split_filter_error(said: &[u8]) -> (Option<Errno>, &[u8]) {
    match said.split_at_checked(RECORD_SIZE) {
        Some((first, rest)) if first.first() == Some(&FILTER) => (Some(Errno::from_raw(errno_of(first))), rest),
        Some(_) | None => (None, said),
    }
}

/// Returns the record of a step.
pub fn encode((step, errno): (SpawnStep, Errno)) -> [u8; RECORD_SIZE] {
    record(step as u8, errno)
}

/// Returns the record of a filter that could not be installed.
pub fn encode_filter_error(errno: Errno) -> [u8; RECORD_SIZE] {
    record(FILTER, errno)
}

fn record(code: u8, errno: Errno) -> [u8; RECORD_SIZE] {
    let mut record = [0; RECORD_SIZE];
    let (first, rest) = record.split_at_mut(1);
    first.fill(code);
    rest.copy_from_slice(&(errno as i32).to_ne_bytes());
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_is_decoded_as_it_was_encoded() {
        for step in SpawnStep::ALL {
            assert_eq!(parse(&encode((step, Errno::EACCES))), SpawnError::new(step, Errno::EACCES as i32));
        }
    }

    #[test]
    fn a_torn_record_is_still_a_refusal() {
        assert_eq!(parse(&[]), SpawnError::new(SpawnStep::Unknown, 0));
        assert_eq!(parse(&[SpawnStep::Exec as u8]), SpawnError::new(SpawnStep::Exec, 0));
        let said = [&encode((SpawnStep::EnvironmentFile, Errno::ENOENT))[..], b"xy"].concat();
        let why = SpawnError { explanation: "xy".into(), ..SpawnError::new(SpawnStep::EnvironmentFile, 2) };
        assert_eq!(parse(&said), why);
    }

    #[test]
    fn a_refused_filter_is_reported_beside_the_result_of_the_spawn() {
        let (filter, exec) = (encode_filter_error(Errno::EPERM), encode((SpawnStep::Exec, Errno::ENOENT)));
        assert_eq!(split_filter_error(&filter), (Some(Errno::EPERM), &[][..]));
        assert_eq!(split_filter_error(&[filter, exec].concat()), (Some(Errno::EPERM), &exec[..]));
        assert_eq!(split_filter_error(&exec), (None, &exec[..]));
        assert_eq!(split_filter_error(&[]), (None, &[][..]));
    }
}
