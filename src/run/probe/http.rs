//! An HTTP/1.1 GET of which only the status line counts. The response may be anything at any pace: it is read in bounded
//! pieces, and the whole probe has a timeout.
#![allow(clippy::disallowed_methods)] // the probe's own clock: how long the body of a good response is read

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::connect;
use super::output::cause_text;
use crate::config::probe::Http;
use crate::text::shown;

/// Reported once connected: from then on only the response is missing.
pub const CONNECTED: &str = "connected";
/// The longest status line.
const LINE: usize = 1024;
/// The longest interim responses (100, 103) with their headers.
const INTERIM: usize = 16 * 1024;
/// How much of a body is read, and for how long, before the connection is closed: a server that is cut off logs an error.
const MAX_BODY: usize = 64 * 1024;
const DRAIN_TIMEOUT: Duration = Duration::from_millis(100);

/// Sends the request and checks the status.
///
/// # Errors
/// The reason, as text.
pub fn get(http: &Http, timeout: Duration, report_progress: &mut dyn FnMut(&str)) -> Result<(), String> {
    let drain_timeout = DRAIN_TIMEOUT.min(timeout / 10);
    match &http.socket {
        None => {
            let mut stream = connect::tcp(&http.to, timeout, report_progress)?;
            report_progress(CONNECTED);
            check_response(http, &mut stream)?;
            drain_body(stream, drain_timeout, TcpStream::set_read_timeout);
        }
        Some(path) => {
            report_progress(&format!("connecting to {}", shown(path)));
            let mut stream = UnixStream::connect(path).map_err(|cause| match cause.kind() {
                ErrorKind::NotFound => format!("{} is not there", shown(path)),
                _ => cause_text(&cause),
            })?;
            report_progress(CONNECTED);
            check_response(http, &mut stream)?;
            drain_body(stream, drain_timeout, UnixStream::set_read_timeout);
        }
    }
    Ok(())
}

fn check_response(http: &Http, stream: &mut (impl Read + Write)) -> Result<(), String> {
    // If the server does not read all of it (an early response), the response says so.
    let _sent = stream.write_all(request(http).as_bytes());
    let status = status(stream)?;
    if http.status.contains(&status) { Ok(()) } else { Err(format!("answered {status}")) }
}

fn request(http: &Http) -> String {
    let to = &http.to;
    // As browsers and curl do: without the default port 80.
    let host = match to.port {
        80 => to.to_string().trim_end_matches(":80").to_owned(),
        _ => to.to_string(),
    };
    let target = &http.target;
    format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: stepdown\r\nAccept: */*\r\nConnection: close\r\n\r\n")
}

/// Reads up to the first status that is not an interim one.
fn status(from: &mut impl Read) -> Result<u16, String> {
    let mut head = Vec::new();
    loop {
        if let Some(status) = final_status(&head)? {
            return Ok(status);
        }
        let mut chunk = [0; LINE];
        match from.read(&mut chunk) {
            Ok(0) if head.is_empty() => return Err("closed the connection without a response".to_owned()),
            Ok(0) => return Err("closed the connection in the middle of its response".to_owned()),
            Ok(length) => head.extend_from_slice(chunk.get(..length).unwrap_or_default()),
            Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause_text(&cause)),
        }
    }
}

/// Returns the final status in `head`; `None`: it is not complete.
fn final_status(mut head: &[u8]) -> Result<Option<u16>, String> {
    let not_http = || "answered something that is not HTTP".to_owned();
    let whole = head.len();
    loop {
        // Rejected early: what does not begin like HTTP may never have a newline.
        let begin = head.get(..5.min(head.len())).unwrap_or_default();
        if !b"HTTP/".starts_with(begin) {
            return Err(not_http());
        }
        let Some(end) = head.iter().position(|byte| *byte == b'\n') else {
            return if head.len() > LINE { Err(not_http()) } else { Ok(None) };
        };
        let status = status_of(head.get(..end).unwrap_or_default()).ok_or_else(not_http)?;
        if !matches!(status, 100 | 102..=199) {
            return Ok(Some(status));
        }
        let Some(blank) = head.windows(3).position(|three| three == b"\n\r\n" || three.starts_with(b"\n\n")) else {
            return if whole > INTERIM { Err("answered with too many headers".to_owned()) } else { Ok(None) };
        };
        let skip = if head.get(blank + 1) == Some(&b'\n') { 2 } else { 3 };
        head = head.get(blank + skip..).unwrap_or_default();
    }
}

/// `HTTP/1.1 200 OK`: the words after the number may be missing.
fn status_of(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/")?.trim_ascii_end();
    let blank = rest.iter().position(|byte| *byte == b' ')?;
    let (version, rest) = rest.split_at(blank);
    let known = version.first().is_some_and(u8::is_ascii_digit)
        && version.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    let digits = rest.get(1..4).filter(|digits| known && digits.iter().all(u8::is_ascii_digit))?;
    if rest.get(4).is_some_and(|next| *next != b' ') {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok().filter(|status| (100..=999).contains(status))
}

/// Reads the rest of the response, within its limits.
fn drain_body<S: Read>(
    mut stream: S,
    drain_timeout: Duration,
    wait: impl Fn(&S, Option<Duration>) -> std::io::Result<()>,
) {
    let until = Instant::now() + drain_timeout;
    let mut chunk = [0; 4096];
    let mut taken = 0;
    while taken < MAX_BODY {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || wait(&stream, Some(left)).is_err() {
            return;
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return,
            Ok(length) => taken += length,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::probe::{HTTP_SUCCESS, HostPort};

    fn answered(bytes: &[u8]) -> Result<u16, String> {
        status(&mut &*bytes)
    }

    #[test]
    fn the_status_line_is_all_that_counts() {
        for (bytes, expected) in [
            (&b"HTTP/1.1 200 OK\r\nrubbish \xff\0"[..], 200),
            (b"HTTP/1.0 503\r\n", 503),
            (b"HTTP/1.1 404 \n", 404),
            (b"HTTP/2 204 No Content\r\n\r\n", 204),
            (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", 200),
            (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 103 Again\n\nHTTP/1.1 500 No\r\n", 500),
            (b"HTTP/1.1 101 Switching Protocols\r\n", 101),
        ] {
            assert_eq!(answered(bytes), Ok(expected), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn anything_else_is_described() {
        let long = [b"HTTP/1.1 200 ".as_slice(), &[b'x'; 5000]].concat();
        let endless = [b"HTTP/1.1 100 Continue\r\n".as_slice(), &b"A: b\r\n".repeat(5000)].concat();
        for (bytes, expected) in [
            (&b""[..], "closed the connection without a response"),
            (b"HTTP/1.1 20", "closed the connection in the middle of its response"),
            (b"HT", "closed the connection in the middle of its response"),
            (b"SSH-2.0-OpenSSH_9.2", "answered something that is not HTTP"),
            (b"\x15\x03\x01\x00\x02", "answered something that is not HTTP"),
            (b"HTTP/1.1 2000 OK\n", "answered something that is not HTTP"),
            (b"HTTP/1.1 099 OK\n", "answered something that is not HTTP"),
            (b"HTTP/x 200 OK\n", "answered something that is not HTTP"),
            (b"HTTP/1.1  200 OK\n", "answered something that is not HTTP"),
            (b"HTTP/1.1\n", "answered something that is not HTTP"),
            (&long, "answered something that is not HTTP"),
            (&endless, "answered with too many headers"),
        ] {
            assert_eq!(answered(bytes), Err(expected.to_owned()), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn the_request_names_its_host_as_others_do() {
        let request_to = |host: &str, port| {
            let to = HostPort { host: host.to_owned(), port };
            request(&Http { to, socket: None, target: "/ping?a=1".to_owned(), status: HTTP_SUCCESS })
        };
        let common = "User-Agent: stepdown\r\nAccept: */*\r\nConnection: close\r\n\r\n";
        assert_eq!(request_to("web", 80), format!("GET /ping?a=1 HTTP/1.1\r\nHost: web\r\n{common}"));
        assert_eq!(request_to("::1", 8080), format!("GET /ping?a=1 HTTP/1.1\r\nHost: [::1]:8080\r\n{common}"));
    }

    proptest! {
        #[test]
        fn no_response_does_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300), like in any::<bool>()) {
            let bytes = if like { [b"HTTP/1.1 1".as_slice(), &bytes].concat() } else { bytes };
            if let Ok(status) = answered(&bytes) {
                prop_assert!((100..=999).contains(&status));
            }
        }

        #[test]
        fn pieces_say_what_the_whole_says(status in 200_u16..600, at in 0_usize..20) {
            let text = format!("HTTP/1.1 {status} words\r\n\r\n");
            let (one, two) = text.as_bytes().split_at(at.min(text.len()));
            prop_assert_eq!(super::status(&mut one.chain(two)), Ok(status));
        }
    }
}
