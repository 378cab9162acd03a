//! `s6-svc`, `s6-svscanctl`: commands to one service, and to the supervisor as a whole.

use super::failed;
use super::supervised::Supervised;
use super::svwait::{Goal, Quantity, Restarts, milliseconds, wait_for};
use crate::config::values::Signal;
use crate::control::client::{ClientError, send_request};
use crate::control::protocol::ControlRequest;
use crate::control::responses::{Accepted, Reloaded, ServiceStatus, Waited};
use crate::s6_commands::call::{Call, CommandResult, number};
use crate::s6_commands::chain::report;
use crate::s6_commands::failure::Failure;
use crate::text::shown_bytes;

/// The letters of signals.
const SIGNALS: [(u8, &str); 12] = [
    (b'a', "ALRM"),
    (b'b', "ABRT"),
    (b'q', "QUIT"),
    (b'h', "HUP"),
    (b'k', "KILL"),
    (b't', "TERM"),
    (b'i', "INT"),
    (b'1', "USR1"),
    (b'2', "USR2"),
    (b'p', "STOP"),
    (b'c', "CONT"),
    (b'y', "WINCH"),
];
/// The letters of signals to the process group.
const GROUP_SIGNALS: [(u8, &str); 3] = [(b'P', "STOP"), (b'C', "CONT"), (b'K', "KILL")];
/// The exit code for a service that nobody supervises, since s6 2.14.
const NOT_SUPERVISED: u8 = 102;
/// The original takes no more commands at once.
const MAX_COMMANDS: usize = 63;

/// Sends commands to the supervisors of services, in their order, and waits for what `-w` names. A service that has none does
/// not keep the others from their commands.
pub(in crate::s6_commands) fn s6_svc(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "s6-svc [ -wu | -wU | -wd | -wD | -wr | -wR ] [ -T timeout ] [ -s signal | -abqhkti12pcyrlPCK ] [ \
                            -oduDUxOQ ] servicedirs...";
    let (mut letters, mut goal, mut timeout) = (Vec::new(), None, None);
    for (letter, value) in call.options("s:abqhkti12pcyrlPCKoduDUxOQT:w:", SYNOPSIS)? {
        match letter {
            b's' => letters.push(signal_letter(&value)?),
            b'T' => timeout = Some(number(&value).ok_or_else(|| Failure::usage(SYNOPSIS))?),
            b'w' => goal = Some(value.first().and_then(|it| Goal::of(*it)).ok_or_else(|| Failure::usage(SYNOPSIS))?),
            letter => letters.push(letter),
        }
    }
    if letters.len() > MAX_COMMANDS {
        return Err(Failure::wrong("too many commands"));
    }
    if call.arguments.is_empty() {
        return Err(Failure::usage(SYNOPSIS));
    }
    let (mut services, mut restarts, mut failure) = (Vec::new(), Restarts::default(), None);
    for word in &call.arguments {
        match commands(word, &letters) {
            Ok((service, before)) => {
                restarts.note(&[before]);
                services.push(service);
            }
            Err(why) => {
                if let Some(before) = failure.replace(why) {
                    report(call.name, &before);
                }
            }
        }
    }
    match (failure, goal) {
        (Some(why), _) => Err(why),
        (None, Some(goal)) => wait_for(&services, goal, Quantity::All, milliseconds(timeout), restarts),
        (None, None) => Ok(0),
    }
}

/// Sends commands to the supervisor of one service. Returns its state before.
fn commands(word: &[u8], letters: &[u8]) -> Result<(Supervised, ServiceStatus), Failure> {
    if word.is_empty() {
        return Err(Failure::wrong("invalid service path"));
    }
    let service = Supervised::of(word);
    let control = |error: ClientError| match error {
        ClientError::NoServer(_) | ClientError::BadRequest(_) => {
            let what = format!("unable to control {}: supervisor not listening", shown_bytes(word));
            Failure::fatal(NOT_SUPERVISED, what)
        }
        error => failed(&format!("control {}", shown_bytes(word)), &error),
    };
    let before = service.status().map_err(control)?;
    letters.iter().try_for_each(|letter| command(&service, *letter)).map_err(control)?;
    Ok((service, before))
}

fn signal_letter(name: &[u8]) -> Result<u8, Failure> {
    let shown = shown_bytes(name);
    let signal = std::str::from_utf8(name).ok().and_then(Signal::parse);
    let signal = signal.ok_or_else(|| Failure::wrong(format!("invalid signal: {shown}")))?;
    let letter = SIGNALS.iter().find(|(_, known)| Signal::parse(known) == Some(signal)).map(|(letter, _)| *letter);
    letter.ok_or_else(|| Failure::wrong(format!("{shown} is not in the list of user-available signals")))
}

fn command(service: &Supervised, letter: u8) -> Result<(), ClientError> {
    let services = vec![service.name.clone()];
    let change = |request: ControlRequest| send_request::<Waited>(&request).map(drop);
    let signal_of = |letters: &[(u8, &'static str)]| letters.iter().find(|(known, _)| *known == letter).map(|it| it.1);
    if let Some(signal) = signal_of(&SIGNALS) {
        return send_signal(service.name.clone(), signal, false);
    }
    if let Some(signal) = signal_of(&GROUP_SIGNALS) {
        return send_signal(service.name.clone(), signal, true);
    }
    match letter {
        b'u' | b'U' => change(ControlRequest::Start { services, wait_ms: None }),
        b'd' | b'D' => change(ControlRequest::Stop { services, wait_ms: None }),
        b'r' => change(ControlRequest::Restart { services, wait_ms: None }),
        b'l' => reload(service.name.clone()),
        b'o' | b'O' | b'Q' => {
            let once = ControlRequest::Once { service: service.name.clone(), start: letter == b'o' };
            send_request::<Accepted>(&once).map(drop)
        }
        // `-x`: its supervisor is PID 1, which does not end with one service.
        _ => Ok(()),
    }
}

/// Has a service re-read its configuration: by HUP where it does not say how, as s6 does.
pub(super) fn reload(service: String) -> Result<(), ClientError> {
    match send_request::<Reloaded>(&ControlRequest::Reload { services: vec![service.clone()] }) {
        Err(ClientError::Refused(_)) => send_signal(service, "HUP", false),
        reloaded => reloaded.map(drop),
    }
}

fn send_signal(service: String, signal: &str, group: bool) -> Result<(), ClientError> {
    let signal = signal.to_owned();
    match send_request::<Accepted>(&ControlRequest::Signal { service, signal, group }) {
        // It has no process, which the original does not mind.
        Ok(Accepted {}) | Err(ClientError::Refused(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Sends commands to the supervisor as a whole. It has one for each service directory in the original; here it is PID 1.
pub(in crate::s6_commands) fn s6_svscanctl(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "s6-svscanctl [ -zabhitqnN ] svscandir";
    let letters = call.options("phratszbnNiq0678", SYNOPSIS)?;
    call.argument(SYNOPSIS)?;
    for (letter, _) in letters {
        match letter {
            b't' | b's' | b'b' | b'i' | b'q' | b'p' | b'r' | b'0' | b'6' | b'7' | b'8' => {
                let code = None;
                send_request::<Accepted>(&ControlRequest::Shutdown { code })
                    .map_err(|error| failed("end the container", &error))?;
            }
            b'h' | b'a' => {
                let reload = ControlRequest::Reload { services: Vec::new() };
                send_request::<Reloaded>(&reload).map_err(|error| failed("reload the services", &error))?;
            }
            // Zombies are reaped and leftovers ended anyway.
            _ => {}
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_named_as_kill_does_or_by_number() {
        let of = |name: &str| signal_letter(name.as_bytes()).map_err(|failure| failure.text);
        assert_eq!([of("HUP"), of("SIGTERM"), of("10")], [Ok(b'h'), Ok(b't'), Ok(b'1')]);
        assert_eq!(of("SEGV"), Err("fatal: SEGV is not in the list of user-available signals".to_owned()));
        assert_eq!(of("nothing"), Err("fatal: invalid signal: nothing".to_owned()));
    }
}
