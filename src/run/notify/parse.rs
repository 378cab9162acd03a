//! The messages of sd_notify(3): `NAME=value` lines. Pure: any bytes in, the known assignments out.

use std::time::Duration;

use super::Rejection;
use crate::config::quote::printable;

/// Letters of a STATUS that are kept.
const STATUS: usize = 200;

/// One assignment of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notification {
    /// READY=1: it is up, or its reload is done.
    Ready,
    /// RELOADING=1: it re-reads its configuration; READY=1 follows.
    Reloading,
    /// STOPPING=1: it is about to end.
    Stopping,
    /// STATUS=…: for people; printable, and not long.
    Status(String),
    /// WATCHDOG=1: it is alive.
    Watchdog,
    /// WATCHDOG=trigger: it reports a failure of its own.
    WatchdogTrigger,
    /// WATCHDOG_USEC=…: the watchdog runs out after this time without WATCHDOG=1.
    WatchdogUsec(Duration),
    /// EXTEND_TIMEOUT_USEC=…: starting or stopping takes at least this long, from now.
    ExtendTimeout(Duration),
    /// MAINPID=…: refused. The main process is the service; another pid could be any process's.
    MainPid,
    /// ERRNO=…: why it is about to fail.
    Errno(i32),
    /// Not from the service: a message was rejected, the first for this reason.
    Rejected(Rejection),
}

/// Returns the assignments of a message, in its order. Lines with an unknown name or an invalid value are ignored.
pub fn parse(message: &[u8]) -> Vec<Notification> {
    let mut all: Vec<Notification> = message.split(|byte| *byte == b'\n').filter_map(line).collect();
    all.dedup();
    all
}

fn line(line: &[u8]) -> Option<Notification> {
    let at = line.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (line.get(..at)?, line.get(at + 1..)?);
    match (name, value) {
        (b"READY", b"1") => Some(Notification::Ready),
        (b"RELOADING", b"1") => Some(Notification::Reloading),
        (b"STOPPING", b"1") => Some(Notification::Stopping),
        (b"STATUS", text) => Some(Notification::Status(printable(String::from_utf8_lossy(text).trim(), STATUS))),
        (b"WATCHDOG", b"1") => Some(Notification::Watchdog),
        (b"WATCHDOG", b"trigger") => Some(Notification::WatchdogTrigger),
        (b"WATCHDOG_USEC", digits) => number(digits).map(Duration::from_micros).map(Notification::WatchdogUsec),
        (b"EXTEND_TIMEOUT_USEC", digits) => number(digits).map(Duration::from_micros).map(Notification::ExtendTimeout),
        (b"MAINPID", _) => Some(Notification::MainPid),
        (b"ERRNO", digits) => number(digits).and_then(|errno| i32::try_from(errno).ok()).map(Notification::Errno),
        _ => None,
    }
}

/// Parses a text of digits only.
fn number(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_known_line_is_understood_in_its_order() {
        let message = b"STATUS=Loading 3 of 7\nREADY=1\nRELOADING=1\nSTOPPING=1\nWATCHDOG=1\nWATCHDOG=trigger\n\
            WATCHDOG_USEC=20000000\nEXTEND_TIMEOUT_USEC=500\nMAINPID=42\nERRNO=2\n";
        let expected = [
            Notification::Status("Loading 3 of 7".to_owned()),
            Notification::Ready,
            Notification::Reloading,
            Notification::Stopping,
            Notification::Watchdog,
            Notification::WatchdogTrigger,
            Notification::WatchdogUsec(Duration::from_secs(20)),
            Notification::ExtendTimeout(Duration::from_micros(500)),
            Notification::MainPid,
            Notification::Errno(2),
        ];
        assert_eq!(parse(message), expected);
        assert_eq!(parse(b"READY=1"), [Notification::Ready], "without a newline");
    }

    #[test]
    fn unknown_lines_and_values_say_nothing() {
        for line in [
            "",
            "\n\n",
            "READY",
            "READY=",
            "READY=0",
            "READY=11",
            "READY= 1",
            " READY=1",
            "ready=1",
            "READY=1\r",
            "X_READY=1",
            "FDSTORE=1",
            "BARRIER=1",
            "BUSERROR=x",
            "MONOTONIC_USEC=1",
            "WATCHDOG=2",
            "WATCHDOG_USEC=",
            "WATCHDOG_USEC=-1",
            "WATCHDOG_USEC=+1",
            "WATCHDOG_USEC=1s",
            "WATCHDOG_USEC=99999999999999999999",
            "ERRNO=4294967296",
            "ERRNO=two",
            "=1",
            "=",
        ] {
            // An empty number is none.
            assert_eq!(parse(line.as_bytes()), [], "{line:?}");
        }
    }

    #[test]
    fn a_status_is_one_printable_line() {
        let status = |text: &[u8]| parse(&[b"STATUS=", text].concat());
        assert_eq!(status(b"a=b \x1b[2J\xff"), [Notification::Status("a=b \\u{1b}[2J\u{fffd}".to_owned())]);
        assert_eq!(status(b""), [Notification::Status(String::new())]);
        let parsed = status(&[b'x'; 4000]);
        let [Notification::Status(long)] = parsed.as_slice() else { panic!("one status") };
        assert_eq!(long.chars().count(), STATUS + 1);
    }

    #[test]
    fn a_message_that_repeats_itself_says_it_once() {
        assert_eq!(parse(&b"READY=1\n".repeat(512)), [Notification::Ready]);
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            for notification in parse(&bytes) {
                if let Notification::Status(text) = notification {
                    prop_assert!(!text.chars().any(char::is_control));
                    prop_assert!(text.chars().count() <= 10 * STATUS);
                }
            }
        }

        #[test]
        fn what_is_known_is_heard_among_what_is_not(
            before in "[A-Z_]{1,12}=[^\n]{0,20}", after in "[^\n]{0,40}", micros in any::<u64>(),
        ) {
            let message = format!("X{before}\nWATCHDOG_USEC={micros}\nX{after}\nREADY=1");
            let expected = [Notification::WatchdogUsec(Duration::from_micros(micros)), Notification::Ready];
            prop_assert_eq!(parse(message.as_bytes()), expected);
        }
    }
}
