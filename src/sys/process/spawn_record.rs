//! What a child reports between fork and exec: the step that failed, with its errno. Must not act.

use nix::errno::Errno;

use crate::supervise::{SpawnError, SpawnStep};
use crate::text::shown_bytes;

/// Stage and errno.
pub const RECORD_SIZE: usize = 5;
/// Most bytes of a child's report: a record, and an explanation if there is one.
pub const MAX_REPORT: usize = 1024;

/// The code of a filter that could not be installed: the process continues without, and another record may follow.
const FILTER: u8 = u8::MAX;
/// The code of a program that could not be executed; another record, which explains that, follows unless the process ends.
const UNEXPLAINED: u8 = u8::MAX - 1;

/// What a report begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// The filter could not be installed; and what comes after that.
    Unfiltered(Errno, &'a [u8]),
    /// The program could not be executed, and why is to be found out; and what comes after that.
    Unexplained(SpawnError, &'a [u8]),
    /// A step failed, which is all there is to say.
    Refused(SpawnError),
}

/// Returns the first record of a report, which is not empty.
pub fn first(said: &[u8]) -> Record<'_> {
    let (head, rest) = said.split_at_checked(RECORD_SIZE).unwrap_or((said, &[]));
    match head.first() {
        Some(&FILTER) => Record::Unfiltered(Errno::from_raw(errno_of(head)), rest),
        Some(&UNEXPLAINED) => Record::Unexplained(SpawnError::new(SpawnStep::Exec, errno_of(head)), rest),
        Some(_) | None => Record::Refused(parse(said)),
    }
}

/// Returns the error of a record.
pub fn parse(record: &[u8]) -> SpawnError {
    let step = record.first().and_then(|code| SpawnStep::ALL.into_iter().find(|step| *step as u8 == *code));
    SpawnError {
        // Others than this program may have written it: a line break would begin a line of PID 1's.
        explanation: shown_bytes(record.get(RECORD_SIZE..).unwrap_or_default()),
        ..SpawnError::new(step.unwrap_or(SpawnStep::Unknown), errno_of(record))
    }
}

fn errno_of(record: &[u8]) -> i32 {
    record.get(1..RECORD_SIZE).and_then(|bytes| bytes.try_into().ok()).map_or(0, i32::from_ne_bytes)
}

/// Returns the record of a step.
pub fn encode((step, errno): (SpawnStep, Errno)) -> [u8; RECORD_SIZE] {
    record(step as u8, errno)
}

/// Returns the record of a filter that could not be installed.
pub fn encode_filter_error(errno: Errno) -> [u8; RECORD_SIZE] {
    record(FILTER, errno)
}

/// Returns the record of a program that could not be executed, if another one may follow that says why.
pub fn encode_unexplained(errno: Errno) -> [u8; RECORD_SIZE] {
    record(UNEXPLAINED, errno)
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
        assert_eq!(first(&filter), Record::Unfiltered(Errno::EPERM, &[]));
        assert_eq!(first(&[filter, exec].concat()), Record::Unfiltered(Errno::EPERM, &exec));
        assert_eq!(first(&exec), Record::Refused(SpawnError::new(SpawnStep::Exec, 2)));
    }

    #[test]
    fn an_explanation_may_follow() {
        let (before, exec) = (encode_unexplained(Errno::ENOENT), encode((SpawnStep::Exec, Errno::ENOENT)));
        let refused = SpawnError::new(SpawnStep::Exec, 2);
        assert_eq!(first(&before), Record::Unexplained(refused.clone(), &[]));
        assert_eq!(first(&[before, exec].concat()), Record::Unexplained(refused, &exec));
    }
}
