//! systemd's `$MAINPID` in the command of a reload or a stop: it is set nowhere here, and a signal has a key of its own. Must not
//! know services.

use super::linted::Linted;
use crate::config::values::Signal;

/// Returns the notice.
pub(super) fn notice(linted: &Linted<'_>) -> Option<String> {
    // A whole line as one element, too.
    let words: Vec<&str> = linted.argv.iter().flat_map(|word| word.split_whitespace()).collect();
    let (program, arguments) = words.split_first().filter(|_| !linted.key.is_empty())?;
    let (target, options) = arguments.split_last()?;
    if program.rsplit('/').next() != Some("kill") || !["$MAINPID", "${MAINPID}"].contains(target) {
        return None;
    }
    let name = match options {
        [] => "TERM",
        ["-s" | "--signal", name] => name,
        [option] => option.strip_prefix("--signal=").or_else(|| option.strip_prefix('-'))?,
        _ => return None,
    };
    let name = name.strip_prefix("SIG").unwrap_or(name);
    let number = name.parse().ok().and_then(Signal::from_number);
    let signal = number.or_else(|| Signal::parse(&name.to_ascii_uppercase()))?;
    let signal = signal.to_string();
    let signal = signal.strip_prefix("SIG").unwrap_or(&signal);
    let fix = match linted.key {
        "reload.command" => format!("write `reload = {{ signal = \"{signal}\" }}`"),
        key => format!("leave `{key}` out, and write `stop = {{ signal = \"{signal}\" }}` for a signal at the stop"),
    };
    Some(linted.says(format!("`MAINPID` is systemd's and not set here; {fix}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signal_of_a_reload_is_answered_with_its_key() {
        for (line, signal) in [
            ("kill -HUP $MAINPID", "HUP"),
            ("/bin/kill -s SIGUSR1 ${MAINPID}", "USR1"),
            ("kill -1 $MAINPID", "HUP"),
            ("kill $MAINPID", "TERM"),
        ] {
            let expected = format!(
                "web: `reload.command`: `MAINPID` is systemd's and not set here; write `reload = {{ signal = \"{signal}\" }}`"
            );
            let argv: Vec<_> = line.split(' ').collect();
            assert_eq!(notice(&Linted::new("web", "reload.command", &argv)).as_ref(), Some(&expected), "{line}");
            assert_eq!(notice(&Linted::new("web", "reload.command", &[line])), Some(expected), "{line}");
        }
        for line in ["kill -HUP 1", "web $MAINPID", "kill -NONE $MAINPID", "kill"] {
            let argv: Vec<_> = line.split(' ').collect();
            assert_eq!(notice(&Linted::new("web", "reload.command", &argv)), None, "{line}");
        }
    }
}
