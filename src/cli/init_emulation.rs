//! The inits that a container runtime adds to a container (`docker run --init`, `podman run --init`, an ENTRYPOINT): called by the
//! name of one of them, we parse its arguments, and refuse what it refuses. Pure.
//!
//! tini 0.19, dumb-init 1.2.5, catatonit 0.2.1; from their sources, compared with their binaries.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use super::init_emulation_texts::{
    CATATONIT_HELP, CATATONIT_USAGE, DUMB_INIT_HELP, DUMB_INIT_REWRITE, LICENSE, TINI_USAGE,
};
use crate::config::values::Signal;
use crate::sys::plain_init::{Flavor, PlainInit};
use crate::text::shown;

/// What to do for the arguments.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ReplacedAction {
    /// Run that init with this command.
    Run(PlainInit, Vec<OsString>),
    /// Print help, a version, or an error.
    Print {
        /// For standard output.
        out: String,
        /// For standard error.
        err: String,
        /// The exit code.
        code: u8,
    },
}

/// Returns what to do if called by the name of another init; `None`: it is none of those.
pub(super) fn of(argv: &[OsString], environment: &BTreeMap<OsString, OsString>) -> Option<ReplacedAction> {
    let (called, rest) = argv.split_first()?;
    let name = Path::new(called).file_name()?.to_str()?;
    let action = match name {
        "tini" | "tini-static" | "docker-init" => tini(called, rest, environment),
        "dumb-init" => dumb_init(called, rest, environment),
        "catatonit" | "podman-init" => catatonit(called, rest, environment),
        _ => return None,
    };
    Some(action.unwrap_or_else(|action| action))
}

fn out(text: impl Into<String>) -> ReplacedAction {
    ReplacedAction::Print { out: text.into(), err: String::new(), code: 0 }
}

fn wrong(text: impl Into<String>) -> ReplacedAction {
    ReplacedAction::Print { out: String::new(), err: text.into(), code: 1 }
}

/// An option as getopt(3) returns it.
enum ParsedOption {
    Flag(u8),
    Value(u8, OsString),
}

/// Whether options may follow operands, as in glibc without POSIXLY_CORRECT.
fn permutes(environment: &BTreeMap<OsString, OsString>) -> bool {
    !environment.contains_key(OsStr::new("POSIXLY_CORRECT"))
}

/// Parses options as getopt(3), and the operands after them; `Err`: its error message. `permutes`: options may also follow
/// the first operand, up to `--`.
struct InitOptions<'a> {
    called: &'a OsStr,
    flags: &'a [u8],
    with_value: &'a [u8],
    long: &'a [(&'a str, u8)],
    permutes: bool,
}

impl InitOptions<'_> {
    fn read(&self, words: &[OsString]) -> Result<(Vec<ParsedOption>, Vec<OsString>), String> {
        let called = self.called.to_string_lossy();
        let (mut found, mut operands) = (Vec::new(), Vec::new());
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let bytes = word.as_bytes();
            if bytes == b"--" {
                operands.extend(words.cloned());
                break;
            }
            if let Some(name) = word.to_str().and_then(|word| word.strip_prefix("--")).filter(|_| !self.long.is_empty())
            {
                let (name, value) = name.split_once('=').map_or((name, None), |(name, value)| (name, Some(value)));
                let mut fitting = self.long.iter().filter(|(long, _)| long.starts_with(name));
                let exact = self.long.iter().find(|(long, _)| *long == name);
                let Some((long, flag)) = exact.or_else(|| fitting.next().filter(|_| fitting.next().is_none())) else {
                    return Err(format!("{called}: unrecognized option '--{name}'\n"));
                };
                match (self.with_value.contains(flag), value) {
                    (true, Some(value)) => found.push(ParsedOption::Value(*flag, value.into())),
                    (true, None) => match words.next() {
                        Some(value) => found.push(ParsedOption::Value(*flag, value.clone())),
                        None => return Err(format!("{called}: option '--{long}' requires an argument\n")),
                    },
                    (false, Some(_)) => return Err(format!("{called}: option '--{long}' doesn't allow an argument\n")),
                    (false, None) => found.push(ParsedOption::Flag(*flag)),
                }
                continue;
            }
            if bytes.len() < 2 || bytes.first() != Some(&b'-') {
                operands.push(word.clone());
                if self.permutes {
                    continue;
                }
                operands.extend(words.cloned());
                break;
            }
            for (at, letter) in bytes.iter().skip(1).copied().enumerate() {
                if self.with_value.contains(&letter) {
                    let rest = bytes.get(at + 2..).filter(|rest| !rest.is_empty());
                    let value = rest.map(|rest| OsString::from_vec(rest.to_vec())).or_else(|| words.next().cloned());
                    let missing = || format!("{called}: option requires an argument -- '{}'\n", char::from(letter));
                    found.push(ParsedOption::Value(letter, value.ok_or_else(missing)?));
                    break;
                }
                if !self.flags.contains(&letter) {
                    return Err(format!("{called}: invalid option -- '{}'\n", char::from(letter)));
                }
                found.push(ParsedOption::Flag(letter));
            }
        }
        Ok((found, operands))
    }
}

fn tini(
    called: &OsStr,
    words: &[OsString],
    environment: &BTreeMap<OsString, OsString>,
) -> Result<ReplacedAction, ReplacedAction> {
    let version = "tini version 0.19.0";
    if words.len() == 1 && words.first().is_some_and(|word| word == "--version") {
        return Ok(out(format!("{version}\n")));
    }
    let name = Path::new(called).file_name().unwrap_or(called).to_string_lossy();
    let usage = TINI_USAGE.replace("{name}", &name).replace("{version}", version);
    let fatal = |what: String| wrong(format!("[FATAL tini ({})] {what}\n", std::process::id()));
    let permutes = permutes(environment);
    let options = InitOptions { called, flags: b"hvwgls", with_value: b"pe", long: &[], permutes };
    let mistaken = |said: String| wrong(format!("{said}{usage}"));
    let (found, command) = options.read(words).map_err(mistaken)?;
    let mut init = PlainInit { verbosity: 1, ..PlainInit::of(Flavor::Tini) };
    for option in found {
        match option {
            ParsedOption::Flag(b'h') => return Ok(out(usage)),
            ParsedOption::Flag(b'l') => return Ok(out(LICENSE)),
            ParsedOption::Flag(b's') => init.subreaper = true,
            ParsedOption::Flag(b'w') => init.warns_on_reap = true,
            ParsedOption::Flag(b'g') => init.to_group = true,
            ParsedOption::Flag(_) => init.verbosity = init.verbosity.saturating_add(1),
            ParsedOption::Value(b'p', value) => {
                let signal = value.to_str().filter(|name| name.starts_with("SIG")).and_then(Signal::parse);
                let wrong = || fatal(format!("Not a valid option for -p: {}", shown(&value)));
                init.parent_death = Some(signal.ok_or_else(wrong)?);
            }
            ParsedOption::Value(_, value) => {
                let code = value.to_str().and_then(|code| code.parse::<u8>().ok());
                let wrong = || fatal(format!("Not a valid option for -e: {}", shown(&value)));
                init.success_codes.insert(code.ok_or_else(wrong)?);
            }
        }
    }
    let variable = |name: &str| environment.get(OsStr::new(name));
    init.subreaper |= variable("TINI_SUBREAPER").is_some();
    init.to_group |= variable("TINI_KILL_PROCESS_GROUP").is_some();
    if let Some(level) = variable("TINI_VERBOSITY") {
        // As atoi(3): text after the number is ignored, and without a number it is 0.
        let level = level.to_string_lossy();
        let end = level.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(level.len());
        init.verbosity = level.get(..end).and_then(|level| level.parse().ok()).unwrap_or(0);
    }
    if command.is_empty() { Err(wrong(usage)) } else { Ok(ReplacedAction::Run(init, command)) }
}

fn dumb_init(
    called: &OsStr,
    words: &[OsString],
    environment: &BTreeMap<OsString, OsString>,
) -> Result<ReplacedAction, ReplacedAction> {
    let long =
        [("help", b'h'), ("single-child", b'c'), ("rewrite", b'r'), ("verbose", b'v'), ("version", b'V')].as_slice();
    let options = InitOptions { called, flags: b"hvVc", with_value: b"r", long, permutes: false };
    let (found, command) = options.read(words).map_err(wrong)?;
    let mut init = PlainInit::of(Flavor::DumbInit);
    init.to_group = true;
    for option in found {
        match option {
            ParsedOption::Flag(b'h') => {
                let err = DUMB_INIT_HELP.replace("{name}", &called.to_string_lossy());
                return Ok(ReplacedAction::Print { out: String::new(), err, code: 0 });
            }
            ParsedOption::Flag(b'V') => {
                return Ok(ReplacedAction::Print { out: String::new(), err: "dumb-init v1.2.5\n".into(), code: 0 });
            }
            ParsedOption::Flag(b'c') => init.to_group = false,
            ParsedOption::Flag(_) => init.verbosity = 1,
            ParsedOption::Value(_, rule) => {
                let (from, to) = rewrite(&rule).ok_or_else(|| wrong(DUMB_INIT_REWRITE))?;
                init.rewrites.insert(from, to);
            }
        }
    }
    let variable = |name: &str, value: &str| environment.get(OsStr::new(name)).is_some_and(|given| given == value);
    if variable("DUMB_INIT_DEBUG", "1") {
        init.verbosity = 1;
        init.first_lines.push("Running in debug mode.");
    }
    if variable("DUMB_INIT_SETSID", "0") {
        init.to_group = false;
        init.first_lines.push("Not running in setsid mode.");
    }
    let usage = || {
        let name = called.to_string_lossy();
        wrong(format!("Usage: {name} [option] program [args]\nTry {name} --help for full usage.\n"))
    };
    if command.is_empty() { Err(usage()) } else { Ok(ReplacedAction::Run(init, command)) }
}

/// `15:2`; `15:0`: it is not forwarded.
fn rewrite(rule: &OsStr) -> Option<(i32, i32)> {
    let (from, to) = rule.to_str()?.split_once(':')?;
    let (from, to) = (from.parse().ok()?, to.parse().ok()?);
    ((1..=31).contains(&from) && (0..=31).contains(&to)).then_some((from, to))
}

fn catatonit(
    called: &OsStr,
    words: &[OsString],
    environment: &BTreeMap<OsString, OsString>,
) -> Result<ReplacedAction, ReplacedAction> {
    let error = |what: &str| format!("ERROR (catatonit:{}): {what}\n", std::process::id());
    if environment.contains_key(OsStr::new("CATATONIT_LOG")) {
        return Err(wrong(error("CATATONIT_LOG is reserved for future use")));
    }
    let permutes = permutes(environment);
    let options = InitOptions { called, flags: b"ghLPV", with_value: b"", long: &[("version", b'V')], permutes };
    let (found, command) = options.read(words).map_err(|said| wrong(format!("{said}{CATATONIT_USAGE}")))?;
    let mut init = PlainInit::of(Flavor::Catatonit);
    init.subreaper = std::process::id() != 1;
    init.verbosity = u8::from(environment.contains_key(OsStr::new("CATATONIT_DEBUG")));
    for option in found {
        match option {
            ParsedOption::Flag(b'h') => {
                return Ok(ReplacedAction::Print { out: String::new(), err: CATATONIT_HELP.to_owned(), code: 0 });
            }
            ParsedOption::Flag(b'L') => return Ok(out(LICENSE)),
            // Docker runs any init with tini's flag for the version.
            ParsedOption::Flag(b'V') => return Ok(out("tini version 0.2.1_catatonit\n")),
            ParsedOption::Flag(b'g') => init.to_group = true,
            ParsedOption::Flag(_) | ParsedOption::Value(..) => init.pauses = true,
        }
    }
    if command.is_empty() && !init.pauses {
        return Err(wrong(format!("{}{CATATONIT_USAGE}", error("missing program name"))));
    }
    Ok(ReplacedAction::Run(init, command))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn action(words: &[&str]) -> Option<ReplacedAction> {
        of(&words.iter().map(OsString::from).collect::<Vec<_>>(), &BTreeMap::new())
    }

    fn run(words: &[&str]) -> (PlainInit, Vec<String>) {
        let Some(ReplacedAction::Run(init, command)) = action(words) else { panic!("{words:?}") };
        (init, command.into_iter().map(|word| word.into_string().unwrap()).collect())
    }

    #[test]
    fn the_flags_of_each_are_taken_under_its_names() {
        let (init, command) = run(&["/sbin/docker-init", "-gwvv", "-e", "143", "-e1", "-pSIGTERM", "--", "app", "-g"]);
        assert_eq!(command, ["app", "-g"]);
        let codes: BTreeSet<u8> = [1, 143].into();
        let expected = PlainInit {
            to_group: true,
            warns_on_reap: true,
            verbosity: 3,
            success_codes: codes,
            parent_death: Some(Signal::TERM),
            ..PlainInit::of(Flavor::Tini)
        };
        assert_eq!(init, expected);
        let (init, command) = run(&["dumb-init", "-c", "--rewrite", "15:2", "-r", "1:0", "app", "-v"]);
        assert_eq!((init.to_group, init.verbosity, command), (false, 0, vec!["app".to_owned(), "-v".to_owned()]));
        assert_eq!(init.rewrites, [(15, 2), (1, 0)].into());
        let (init, command) = run(&["/run/podman-init", "-P"]);
        assert!(init.pauses && command.is_empty());
        assert!(run(&["catatonit", "-g", "--", "app"]).0.to_group);
        for other in [&["stepdown", "status"][..], &["init", "app"], &["/usr/bin/podman-init2", "x"]] {
            assert_eq!(action(other), None);
        }
    }
}
