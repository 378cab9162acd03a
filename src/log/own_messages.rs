//! Our own messages: `tracing` events become lines of the container's stderr, in the container's format and through the same
//! sinks as services' lines, so that neither tears the other. Control characters in them are spelled out.

use std::fmt::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::libc;
use serde::{Deserialize, Serialize};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level as TracingLevel, Metadata, Subscriber};
use tracing_subscriber::field::VisitOutput;
use tracing_subscriber::filter::LevelFilter;

use super::clock::Timestamp;
use super::sink::Sink;
use super::{json, lines};
use crate::config::container::Level;
use crate::config::values::ServiceName;
use crate::sys::stdio_at_start;

/// The most bytes of our own messages that are held back: what a pipe takes as a whole.
const MOST_HELD: usize = libc::PIPE_BUF;

/// The container's stdout and stderr; one sink if both are the same object.
static OUTPUTS: Mutex<Option<Outputs>> = Mutex::new(None);

/// The sinks of the container's outputs.
#[derive(Debug)]
pub struct Outputs {
    stderr: Sink,
    /// `None`: the same object as stderr.
    stdout: Option<Sink>,
    format: MessageFormat,
    /// What the messages are about that are logged now.
    event: Option<EventMembers>,
    /// Our own messages wait, to be written together.
    is_held: bool,
}

/// What a JSON line has besides its message.
#[derive(Clone, Debug)]
struct EventMembers {
    /// The service that it is about.
    service: Option<String>,
    /// Further members of the object, each after a comma.
    members: Vec<u8>,
}

/// How our own messages are written.
#[derive(Clone, Debug, PartialEq, Eq)]
enum MessageFormat {
    /// Lines with this prefix: "stepdown: " or "stepdown | ".
    Lines(String),
    /// JSON objects.
    Json,
}

impl Outputs {
    fn open() -> Self {
        let [one, two] = [1, 2].map(stdio_at_start::state_of);
        let stdout = (!Sink::is_same_object(one.as_ref(), two.as_ref())).then(|| Sink::with_state(1, one.as_ref()));
        let format = MessageFormat::Lines("stepdown: ".to_owned());
        Self { stderr: Sink::with_state(2, two.as_ref()), stdout, format, event: None, is_held: false }
    }

    /// Returns the sink of a service's descriptor.
    pub fn sink(&mut self, stream: Stream) -> &mut Sink {
        match (stream, &mut self.stdout) {
            (Stream::Stdout, Some(stdout)) => stdout,
            (Stream::Stdout, None) | (Stream::Stderr, _) => &mut self.stderr,
        }
    }

    /// Returns each distinct sink.
    pub fn sinks(&mut self) -> impl Iterator<Item = &mut Sink> {
        std::iter::once(&mut self.stderr).chain(&mut self.stdout)
    }

    /// Prefixes our own messages with a tag, as services' lines are.
    pub fn set_tag(&mut self, tag: &str) {
        self.format = MessageFormat::Lines(format!("{tag} | "));
    }

    /// Writes our own messages as JSON objects, as services' lines are.
    pub fn set_json(&mut self) {
        self.format = MessageFormat::Json;
    }

    fn say(&mut self, level: &str, text: &str) {
        let mut line = Vec::new();
        self.format.append(level, text, self.event.as_ref(), &mut line);
        let Self { stderr, format, .. } = self;
        stderr.push_own_message(&line, |lost| {
            let mut line = Vec::new();
            let text = format!("{lost} messages of stepdown were lost: nobody read the output");
            format.append("warn", &text, None, &mut line);
            line
        });
        if !self.is_held || stderr.pending() > MOST_HELD {
            stderr.flush();
        }
    }
}

impl MessageFormat {
    fn append(&self, level: &str, text: &str, event: Option<&EventMembers>, out: &mut Vec<u8>) {
        match self {
            Self::Json => {
                let service = event.and_then(|event| event.service.as_deref()).unwrap_or(ServiceName::OWN);
                let members = event.map(|event| event.members.as_slice()).unwrap_or_default();
                json::append_own(Timestamp::now(), service, level, text, members, out);
            }
            Self::Lines(prefix) => {
                let mut first = match level {
                    "error" => "error: ",
                    "warn" => "warning: ",
                    "debug" => "debug: ",
                    _ => "",
                };
                for line in text.split('\n') {
                    out.extend_from_slice(prefix.as_bytes());
                    out.extend_from_slice(std::mem::take(&mut first).as_bytes());
                    lines::escape(line.as_bytes(), out);
                    out.push(b'\n');
                }
            }
        }
    }
}

/// One of the two output streams of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Descriptor 1.
    Stdout,
    /// Descriptor 2.
    Stderr,
}

/// Runs `work` with the outputs, which are opened at first use: as root, because a pipe of root's can only be
/// reopened by root.
pub fn with_outputs<T>(work: impl FnOnce(&mut Outputs) -> T) -> T {
    let mut outputs: MutexGuard<'_, _> = OUTPUTS.lock().unwrap_or_else(PoisonError::into_inner);
    work(outputs.get_or_insert_with(Outputs::open))
}

/// Writes our own messages together once this is dropped, also by a panic. For what is done at once and waits for nothing.
#[must_use]
pub struct Held(());

/// Begins it.
pub fn hold() -> Held {
    with_outputs(|outputs| outputs.is_held = true);
    Held(())
}

impl Drop for Held {
    fn drop(&mut self) {
        with_outputs(|outputs| {
            outputs.is_held = false;
            outputs.stderr.flush();
        });
    }
}

/// Sends `tracing` events to the outputs, up to `level`. Later calls have no effect.
pub fn install(level: Level) {
    let level = match level {
        Level::Error => TracingLevel::ERROR,
        Level::Warn => TracingLevel::WARN,
        Level::Info => TracingLevel::INFO,
        Level::Debug => TracingLevel::DEBUG,
    };
    // A second boot in one process happens in tests only; the first one's level stands.
    drop(tracing::subscriber::set_global_default(OwnMessages { level }));
}

/// Does `work`, which logs an event: where lines are JSON they have the service that the event is about, and its fields.
/// `members` are further members of the object, each after a comma.
pub fn about_event(service: Option<&str>, members: impl FnOnce() -> Vec<u8>, work: impl FnOnce()) {
    let is_json = with_outputs(|outputs| outputs.format == MessageFormat::Json);
    if is_json {
        let event = EventMembers { service: service.map(str::to_owned), members: members() };
        with_outputs(|outputs| outputs.event = Some(event));
    }
    work();
    if is_json {
        with_outputs(|outputs| outputs.event = None);
    }
}

/// Logs a message whose level is only known at run time.
pub fn say(level: Level, text: &str) {
    match level {
        Level::Error => tracing::error!("{text}"),
        Level::Warn => tracing::warn!("{text}"),
        Level::Info => tracing::info!("{text}"),
        Level::Debug => tracing::debug!("{text}"),
    }
}

/// `level: message key=value …`, the level only for warnings and errors. There are no spans.
struct OwnMessages {
    level: TracingLevel,
}

impl Subscriber for OwnMessages {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::from_level(self.level))
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let text = EventText::default().visit(event);
        let level = match *event.metadata().level() {
            TracingLevel::ERROR => "error",
            TracingLevel::WARN => "warn",
            TracingLevel::INFO => "info",
            TracingLevel::DEBUG | TracingLevel::TRACE => "debug",
        };
        with_outputs(|outputs| outputs.say(level, &text));
    }
}

#[derive(Default)]
struct EventText {
    message: String,
    fields: String,
}

impl Visit for EventText {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a String does not fail.
        let _written = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, " {}={value:?}", field.name())
        };
    }
}

impl VisitOutput<String> for EventText {
    fn finish(self) -> String {
        self.message + &self.fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worded(format: &MessageFormat, level: &str, text: &str) -> String {
        let mut out = Vec::new();
        format.append(level, text, None, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn our_own_messages_follow_the_format() {
        let tagged = MessageFormat::Lines("stepdown | ".to_owned());
        assert_eq!(worded(&tagged, "info", "web up"), "stepdown | web up\n");
        assert_eq!(
            worded(&tagged, "error", "cannot\n  fix: \x1b"),
            "stepdown | error: cannot\nstepdown |   fix: \\x1b\n"
        );
        let object = worded(&MessageFormat::Json, "warn", "cannot\n  fix: \x1b");
        let value: serde_json::Value = serde_json::from_str(object.strip_suffix('\n').unwrap()).unwrap();
        assert_eq!(
            (value["service"].as_str(), value["level"].as_str(), value["line"].as_str()),
            (Some("stepdown"), Some("warn"), Some("cannot\n  fix: \x1b"))
        );
        let event = EventMembers { service: Some("web".into()), members: br#","event":"exited","code":1"#.to_vec() };
        let mut out = Vec::new();
        MessageFormat::Json.append("warn", "web: exited with code 1", Some(&event), &mut out);
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!((&value["service"], &value["event"], &value["code"]), (&"web".into(), &"exited".into(), &1.into()));
    }
}
