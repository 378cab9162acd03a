//! Our own messages: `tracing` events become lines of the container's stderr, through the same sinks as services' lines,
//! so that neither tears the other. Control characters in them are spelled out.

use std::fmt::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level as TracingLevel, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

use super::lines;
use super::sink::Sink;
use crate::config::container::Level;

/// The container's stdout and stderr; the same sink where both lead to the same place.
static OUTPUTS: Mutex<Option<Outputs>> = Mutex::new(None);

/// Both outputs.
#[derive(Debug)]
pub struct Outputs {
    stderr: Sink,
    /// `None`: the same place as stderr.
    stdout: Option<Sink>,
    /// How our lines begin: "stepdown: " or "stepdown | ".
    prefix: String,
}

impl Outputs {
    fn open() -> Self {
        let stdout = (!Sink::same(1, 2)).then(|| Sink::of(1));
        Self { stderr: Sink::of(2), stdout, prefix: "stepdown: ".to_owned() }
    }

    /// Returns the sink of a service's descriptor.
    pub fn sink(&mut self, stream: Stream) -> &mut Sink {
        match (stream, &mut self.stdout) {
            (Stream::Stdout, Some(stdout)) => stdout,
            (Stream::Stdout, None) | (Stream::Stderr, _) => &mut self.stderr,
        }
    }

    /// Returns each sink there is.
    pub fn sinks(&mut self) -> impl Iterator<Item = &mut Sink> {
        std::iter::once(&mut self.stderr).chain(&mut self.stdout)
    }

    /// Begins our own lines with a tag, as services' lines do.
    pub fn tag_ours(&mut self, tag: &str) {
        self.prefix = format!("{tag} | ");
    }
}

/// One of the two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// Descriptor 1.
    Stdout,
    /// Descriptor 2.
    Stderr,
}

/// Runs `work` with the outputs, which are opened at first use: as root, so that a pipe that only root may open again
/// can be.
pub fn with_outputs<T>(work: impl FnOnce(&mut Outputs) -> T) -> T {
    let mut outputs: MutexGuard<'_, _> = OUTPUTS.lock().unwrap_or_else(PoisonError::into_inner);
    work(outputs.get_or_insert_with(Outputs::open))
}

/// Sends `tracing` events to the outputs, up to `level`. Later calls have no effect.
pub fn install(level: Level) {
    let level = match level {
        Level::Error => TracingLevel::ERROR,
        Level::Warn => TracingLevel::WARN,
        Level::Info => TracingLevel::INFO,
        Level::Debug => TracingLevel::DEBUG,
    };
    let ours = tracing_subscriber::fmt().with_max_level(level).event_format(Ours).with_writer(ToOutputs).finish();
    // A second boot in one process happens in tests only; the first one's level stands.
    drop(tracing::subscriber::set_global_default(ours));
}

/// Says a line whose level is known only now.
pub fn say(level: Level, text: &str) {
    match level {
        Level::Error => tracing::error!("{text}"),
        Level::Warn => tracing::warn!("{text}"),
        Level::Info => tracing::info!("{text}"),
        Level::Debug => tracing::debug!("{text}"),
    }
}

/// `level: message key=value …`, the level only where it is a warning or an error.
struct Ours;

impl<S, N> FormatEvent<S, N> for Ours
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = Line::default();
        event.record(&mut line);
        let level = match *event.metadata().level() {
            TracingLevel::ERROR => "error: ",
            TracingLevel::WARN => "warning: ",
            TracingLevel::INFO => "",
            TracingLevel::DEBUG | TracingLevel::TRACE => "debug: ",
        };
        writeln!(writer, "{level}{}{}", line.message, line.fields)
    }
}

#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a String does not fail.
        let _written = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, " {}={value:?}", field.name())
        };
    }
}

struct ToOutputs;

impl<'writer> MakeWriter<'writer> for ToOutputs {
    type Writer = Self;

    fn make_writer(&'writer self) -> Self::Writer {
        Self
    }
}

impl std::io::Write for ToOutputs {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        with_outputs(|outputs| {
            let mut said = Vec::new();
            for line in text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b'\n') {
                said.extend_from_slice(outputs.prefix.as_bytes());
                lines::escape(line, &mut said);
                said.push(b'\n');
            }
            outputs.stderr.say(&said);
            outputs.stderr.flush();
        });
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
