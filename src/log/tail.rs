//! [`Tail`]: the last lines of one service, and its followers. Bounded in bytes and in what waits for a slow follower. Must
//! not know formats.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc::Sender;

use super::clock::Timestamp;
use super::followers::{Followed, Followers};
use super::own_messages::Stream;
use super::split::Piece;

/// Most bytes kept of a service's output, headers included; at least half of it when there was that much.
pub const TAIL_SIZE: usize = 16 * 1024;
/// Most bytes kept of one line.
pub const MAX_KEPT_LINE: usize = 4 * 1024;
/// Bytes of a record's header: time 8, length 2, flags 1.
const HEADER: usize = 11;

const STDERR: u8 = 1;
const CONTINUED: u8 = 2;
const MORE: u8 = 4;
const CUT: u8 = 8;

/// A line as the service wrote it: it is escaped where it is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TailLine {
    /// When it was read.
    pub time: Timestamp,
    /// Where it came from.
    pub stream: Stream,
    /// Without its newline.
    pub bytes: Vec<u8>,
    /// It continues the line before it: a piece of a very long line.
    pub continued: bool,
    /// The next one continues it.
    pub more: bool,
    /// Only its start was kept.
    pub cut: bool,
}

/// A line with the service that wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedLine {
    /// The service.
    pub service: Arc<str>,
    /// What it wrote.
    pub line: TailLine,
}

/// The last lines of one service.
#[derive(Debug, Default)]
pub struct Tail {
    records: Vec<u8>,
    lines: u64,
    followers: Followers<NamedLine>,
    /// The service's name, once somebody follows.
    name: Option<Arc<str>>,
}

impl Tail {
    /// Keeps a piece, and passes it on to followers.
    pub fn push(&mut self, time: Timestamp, stream: Stream, piece: Piece<'_>) {
        self.lines += u64::from(!piece.more);
        let kept = piece.bytes.get(..MAX_KEPT_LINE).unwrap_or(piece.bytes);
        let mut flags = if stream == Stream::Stderr { STDERR } else { 0 };
        flags |= if piece.continued { CONTINUED } else { 0 };
        flags |= if piece.more { MORE } else { 0 };
        flags |= if kept.len() < piece.bytes.len() { CUT } else { 0 };
        if self.records.len() + HEADER + kept.len() > TAIL_SIZE {
            self.drop_older_half();
        }
        let length = u16::try_from(kept.len()).unwrap_or(u16::MAX);
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(&time.0.to_ne_bytes());
        header[8..10].copy_from_slice(&length.to_ne_bytes());
        header[10] = flags;
        self.records.extend_from_slice(&header);
        self.records.extend_from_slice(kept);
        if let Some(service) = self.name.as_ref().filter(|_| !self.followers.is_empty()) {
            let line = line(time, flags, kept.to_vec());
            self.followers.pass_on(&NamedLine { service: Arc::clone(service), line });
        }
    }

    /// Returns how many lines there were, kept or not.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Returns the last `most` lines, the oldest first.
    pub fn last(&self, most: usize) -> Vec<TailLine> {
        let mut rest = self.records.as_slice();
        let mut lines = VecDeque::new();
        while let Some((header, after)) = rest.split_first_chunk::<HEADER>() {
            let (time, length, flags) = parts(header);
            let Some((bytes, after)) = after.split_at_checked(length) else { break };
            if lines.len() == most {
                lines.pop_front();
            }
            if most > 0 {
                lines.push_back((time, flags, bytes));
            }
            rest = after;
        }
        lines.into_iter().map(|(time, flags, bytes)| line(time, flags, bytes.to_vec())).collect()
    }

    /// Sends the lines from now on: see [`Followers::join`].
    pub fn follow(&mut self, name: Arc<str>, to: Sender<Followed<NamedLine>>) {
        self.name = Some(name);
        self.followers.join(to);
    }

    /// Drops the older half at once: one move of memory for many lines.
    fn drop_older_half(&mut self) {
        let mut rest = self.records.as_slice();
        while rest.len() > TAIL_SIZE / 2
            && let Some((header, after)) = rest.split_first_chunk::<HEADER>()
        {
            rest = after.get(parts(header).1..).unwrap_or_default();
        }
        self.records.drain(..self.records.len() - rest.len());
    }
}

fn parts(header: &[u8; HEADER]) -> (Timestamp, usize, u8) {
    let [t0, t1, t2, t3, t4, t5, t6, t7, low, high, flags] = *header;
    let time = u64::from_ne_bytes([t0, t1, t2, t3, t4, t5, t6, t7]);
    (Timestamp(time), usize::from(u16::from_ne_bytes([low, high])), flags)
}

fn line(time: Timestamp, flags: u8, bytes: Vec<u8>) -> TailLine {
    TailLine {
        time,
        stream: if flags & STDERR == 0 { Stream::Stdout } else { Stream::Stderr },
        bytes,
        continued: flags & CONTINUED != 0,
        more: flags & MORE != 0,
        cut: flags & CUT != 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(tail: &mut Tail, bytes: &[u8]) {
        tail.push(Timestamp(7), Stream::Stderr, Piece { bytes, continued: false, more: false });
    }

    #[test]
    fn the_last_lines_are_kept_and_the_memory_is_bounded() {
        let mut tail = Tail::default();
        assert_eq!(tail.records.capacity(), 0, "a silent service costs nothing");
        for number in 0..100_000 {
            push(&mut tail, format!("line {number} {}", "x".repeat(number % 300)).as_bytes());
        }
        assert!(tail.records.len() <= TAIL_SIZE && tail.records.capacity() <= 2 * TAIL_SIZE);
        let last = tail.last(3);
        let texts: Vec<_> = last.iter().map(|line| String::from_utf8_lossy(&line.bytes[..10]).into_owned()).collect();
        assert_eq!(texts, ["line 99997", "line 99998", "line 99999"]);
        assert!(last.iter().all(|line| line.time == Timestamp(7) && line.stream == Stream::Stderr && !line.cut));
        assert!(tail.last(0).is_empty());
        assert!(tail.last(1_000_000).len() > 50);
    }

    #[test]
    fn a_line_longer_than_the_ring_is_cut_and_says_so() {
        let mut tail = Tail::default();
        push(&mut tail, b"before");
        push(&mut tail, &[b'x'; 3 * TAIL_SIZE]);
        let last = tail.last(5);
        assert_eq!(last.len(), 2);
        assert!(last[1].cut && last[1].bytes.len() == MAX_KEPT_LINE);
    }

    #[test]
    fn a_slow_follower_learns_what_it_lost_and_blocks_nothing() {
        let mut tail = Tail::default();
        let (to, mut lines) = tokio::sync::mpsc::channel(2);
        tail.follow("web".into(), to);
        for text in [b"1", b"2", b"3", b"4"] {
            push(&mut tail, text);
        }
        let text = |got: Followed<NamedLine>| match got {
            Followed::Item(named) => String::from_utf8(named.line.bytes).unwrap(),
            Followed::Lost(count) => format!("lost {count}"),
        };
        let mut got = vec![text(lines.try_recv().unwrap()), text(lines.try_recv().unwrap())];
        push(&mut tail, b"5");
        got.extend(std::iter::from_fn(|| lines.try_recv().ok()).map(text));
        assert_eq!(got, ["1", "2", "lost 2", "5"]);
        drop(lines);
        push(&mut tail, b"6");
        assert!(tail.followers.is_empty());
    }
}
