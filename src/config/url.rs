//! Parses the targets of probes: `db:5432`, `[::1]:80`, `http://web/ping`. Text in, value or fix out; must not know
//! whether they exist.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::probe::{HTTP_SUCCESS, HostPort, Http};

/// The host of a port without a host.
const LOOPBACK: &str = "127.0.0.1";
/// The default port of a URL.
const HTTP_PORT: u16 = 80;
/// DNS has no longer names (RFC 1035).
const MAX_HOST: usize = 253;

const HOST_PORT: &str = "write host and port, such as \"127.0.0.1:80\" or \"[::1]:80\"";
const URL: &str = "write a URL such as \"http://127.0.0.1/ping\"";
const BRACKETS: &str = "write an IPv6 address in brackets, such as \"[::1]:80\"";
const HOST: &str = "a host is a name, an IPv4 address, or an IPv6 address in brackets";
const PORT: &str = "a port is a number from 1 to 65535";

/// Returns host and port; a port alone, with or without its colon, is this container's own.
pub fn host_port(text: &str) -> Result<HostPort, &'static str> {
    if is_digits(text) {
        return Ok(HostPort { host: LOOPBACK.to_owned(), port: port(text)? });
    }
    let (host, port) = match text.strip_prefix(':') {
        Some(port) if !port.contains(':') => (LOOPBACK.to_owned(), Some(self::port(port)?)),
        Some(_) | None => authority(text)?,
    };
    Ok(HostPort { host, port: port.ok_or(HOST_PORT)? })
}

/// Returns the request for an HTTP URL; any status that is not an error counts as success.
pub fn http(text: &str) -> Result<Http, &'static str> {
    let rest = text.strip_prefix("http://").ok_or(URL)?;
    let (authority, target) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err("put no user and password into it: use a `command` that has them");
    }
    let (host, port) = self::authority(authority)?;
    if target.contains('#') {
        return Err("remove what begins with `#`: it is never sent");
    }
    if !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("write blanks and letters beyond ASCII percent-encoded, such as %20");
    }
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    let to = HostPort { host, port: port.unwrap_or(HTTP_PORT) };
    Ok(Http { to, socket: None, target, status: HTTP_SUCCESS })
}

/// Returns a host (an IPv6 address without its brackets) and the port after it, if there is one.
fn authority(text: &str) -> Result<(String, Option<u16>), &'static str> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(inner) => {
            let (host, rest) = inner.split_once(']').ok_or(BRACKETS)?;
            host.parse::<Ipv6Addr>().map_err(|_| BRACKETS)?;
            (host, rest)
        }
        None => {
            let (host, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
            if rest.get(1..).is_some_and(|more| more.contains(':')) {
                return Err(BRACKETS);
            }
            if !is_host(host) {
                return Err(HOST);
            }
            (host, rest)
        }
    };
    match (rest.strip_prefix(':'), rest) {
        (Some(port), _) => Ok((host.to_owned(), Some(self::port(port)?))),
        (None, "") => Ok((host.to_owned(), None)),
        (None, _) => Err(BRACKETS),
    }
}

/// A name of DNS or of a container runtime's network; one of only digits and dots must be an address.
fn is_host(text: &str) -> bool {
    let letters = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    let numbers = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let begins = text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_');
    letters && begins && text.len() <= MAX_HOST && (!numbers || text.parse::<Ipv4Addr>().is_ok())
}

fn port(text: &str) -> Result<u16, &'static str> {
    let plain = is_digits(text) && !text.starts_with('0');
    plain.then(|| text.parse().ok()).flatten().ok_or(PORT)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_and_a_port_are_distinguished() {
        for (written, host, port) in [
            ("80", LOOPBACK, 80),
            (":80", LOOPBACK, 80),
            ("db:5432", "db", 5432),
            ("my_db.local:65535", "my_db.local", 65535),
            ("[::1]:80", "::1", 80),
            ("10.0.0.1:1", "10.0.0.1", 1),
        ] {
            assert_eq!(host_port(written), Ok(HostPort { host: host.to_owned(), port }));
        }
    }

    #[test]
    fn what_is_not_host_and_port_is_refused_with_the_reason() {
        for (bad, why) in [
            ("", HOST),
            ("db", HOST_PORT),
            ("[::1]", HOST_PORT),
            ("0", PORT),
            ("65536", PORT),
            ("db:", PORT),
            ("db:080", PORT),
            ("db:+80", PORT),
            ("::1:80", BRACKETS),
            ("[::1", BRACKETS),
            ("[db]:80", BRACKETS),
            ("[::1]x:80", BRACKETS),
            ("a b:80", HOST),
            ("-x:80", HOST),
            ("127.0.0.256:80", HOST),
            ("db/x:80", HOST),
        ] {
            assert_eq!(host_port(bad), Err(why), "{bad:?}");
        }
        assert_eq!(host_port(&format!("{}:80", "a".repeat(254))), Err(HOST));
    }

    #[test]
    fn a_url_has_a_port_and_a_target_of_its_own_or_the_usual_ones() {
        for (written, to, target) in [
            ("http://web", "web:80", "/"),
            ("http://web/", "web:80", "/"),
            ("http://127.0.0.1:8080/a/b?c=d", "127.0.0.1:8080", "/a/b?c=d"),
            ("http://[::1]?x", "[::1]:80", "/?x"),
            ("http://web/a@b:c", "web:80", "/a@b:c"),
        ] {
            let url = http(written).unwrap();
            assert_eq!((url.to.to_string().as_str(), url.target.as_str()), (to, target));
            assert_eq!((url.socket, url.status), (None, HTTP_SUCCESS));
        }
    }

    #[test]
    fn what_is_no_plain_url_is_refused() {
        let bad = ["", "web/ping", "ftp://web", "http://", "http:///ping", "http://a:b@web/", "http://web/#top"];
        let worse =
            ["http://web/a b", "http://web/a\r\nHost: x", "http://web/ä", "http://we b/", "http://web:/", "HTTP://web"];
        for bad in bad.iter().chain(&worse) {
            assert!(http(bad).is_err(), "{bad:?}");
        }
    }
}
