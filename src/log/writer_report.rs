//! [`WriterReport`]: what a log writer tells PID 1, as the messages of their socket.

/// Most bytes of one message: a few messages fit into a socket's buffer.
pub const MAX_MESSAGE: usize = 32 * 1024;

/// A message from a writer to PID 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriterReport {
    /// The directory and `current` are open, or will be when a temporary error is over.
    Opened,
    /// The files cannot be written, and waiting does not help; the reason. The writer exits.
    Unwritable(String),
    /// The number of bytes written since the last report.
    Written(u64),
    /// Which file cannot be written and why; `None`: the error is over.
    WriteError(Option<String>),
    /// A warning to log.
    Warning(String),
    /// An error to log.
    Error(String),
}

impl WriterReport {
    /// Returns the message.
    pub fn encoded(&self) -> Vec<u8> {
        let (kind, text) = match self {
            Self::Opened => (b'o', Vec::new()),
            Self::Unwritable(why) => (b'n', why.clone().into_bytes()),
            Self::Written(count) => (b'd', count.to_ne_bytes().to_vec()),
            Self::WriteError(None) => (b'c', Vec::new()),
            Self::WriteError(Some(what)) => (b't', what.clone().into_bytes()),
            Self::Warning(text) => (b'w', text.clone().into_bytes()),
            Self::Error(text) => (b'e', text.clone().into_bytes()),
        };
        let mut all = vec![kind];
        all.extend(text);
        all.truncate(MAX_MESSAGE);
        all
    }

    /// Returns what a message says; `None`: it is not a writer's.
    pub fn decoded(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let text = || String::from_utf8_lossy(rest).into_owned();
        match kind {
            b'o' => Some(Self::Opened),
            b'n' => Some(Self::Unwritable(text())),
            b'd' => Some(Self::Written(u64::from_ne_bytes(rest.try_into().ok()?))),
            b'c' => Some(Self::WriteError(None)),
            b't' => Some(Self::WriteError(Some(text()))),
            b'w' => Some(Self::Warning(text())),
            b'e' => Some(Self::Error(text())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_decoded_as_they_were_encoded() {
        let text = || "x".to_owned();
        for report in [
            WriterReport::Opened,
            WriterReport::Unwritable(text()),
            WriterReport::Written(u64::MAX),
            WriterReport::WriteError(None),
            WriterReport::WriteError(Some(text())),
            WriterReport::Warning(text()),
            WriterReport::Error(text()),
        ] {
            assert_eq!(WriterReport::decoded(&report.encoded()), Some(report));
        }
        assert_eq!(WriterReport::decoded(b""), None);
        assert_eq!(WriterReport::decoded(b"d123"), None);
    }
}
