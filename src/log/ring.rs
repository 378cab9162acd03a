//! [`Tail`]: the last lines of one service, and those who follow it. Bounded in bytes and in what a slow follower may hold
//! up. Must not know formats.

use std::collections::VecDeque;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::clock::Stamp;
use super::own_messages::Stream;
use super::split::Piece;

/// What is kept of a service at most, records and all; at least half of it once it has said so much.
pub const RING: usize = 16 * 1024;
/// What is kept of one line.
pub const LONGEST_KEPT: usize = 4 * 1024;
/// Time 8, length 2, flags 1.
const HEADER: usize = 11;

const STDERR: u8 = 1;
const CONTINUED: u8 = 2;
const MORE: u8 = 4;
const CUT: u8 = 8;

/// A line as the service wrote it: whoever prints it escapes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was read.
    pub time: Stamp,
    /// Where it came from.
    pub stream: Stream,
    /// Without its newline.
    pub bytes: Vec<u8>,
    /// It goes on where the line before it ended: a piece of a very long line.
    pub continued: bool,
    /// The next one goes on where it ends.
    pub more: bool,
    /// There was more of it, which was not kept.
    pub cut: bool,
}

/// What a follower gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// The next line.
    Line(Line),
    /// So many lines came while the follower was too slow.
    Lost(u64),
}

/// The last lines of one service.
#[derive(Debug, Default)]
pub struct Tail {
    records: Vec<u8>,
    followers: Vec<Follower>,
}

#[derive(Debug)]
struct Follower {
    to: Sender<Followed>,
    lost: u64,
}

impl Tail {
    /// Keeps a piece, and passes it on.
    pub fn push(&mut self, time: Stamp, stream: Stream, piece: Piece<'_>) {
        let kept = piece.bytes.get(..LONGEST_KEPT).unwrap_or(piece.bytes);
        let mut flags = if stream == Stream::Stderr { STDERR } else { 0 };
        flags |= if piece.continued { CONTINUED } else { 0 };
        flags |= if piece.more { MORE } else { 0 };
        flags |= if kept.len() < piece.bytes.len() { CUT } else { 0 };
        if self.records.len() + HEADER + kept.len() > RING {
            self.forget_half();
        }
        let length = u16::try_from(kept.len()).unwrap_or(u16::MAX);
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(&time.0.to_ne_bytes());
        header[8..10].copy_from_slice(&length.to_ne_bytes());
        header[10] = flags;
        self.records.extend_from_slice(&header);
        self.records.extend_from_slice(kept);
        if !self.followers.is_empty() {
            self.pass_on(&line(time, flags, kept.to_vec()));
        }
    }

    /// Returns the last `most` lines, the oldest first.
    pub fn last(&self, most: usize) -> Vec<Line> {
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

    /// Returns the lines from now on. A follower that lets more than `room` of them wait loses the rest, and is told how
    /// many. It ends when the receiver is dropped.
    pub fn follow(&mut self, room: usize) -> Receiver<Followed> {
        let (to, lines) = mpsc::channel(room.max(1));
        // Those of a quiet service would else be kept until its next line.
        self.followers.retain(|follower| !follower.to.is_closed());
        self.followers.push(Follower { to, lost: 0 });
        lines
    }

    fn pass_on(&mut self, line: &Line) {
        self.followers.retain_mut(|follower| {
            if follower.lost > 0 {
                match follower.to.try_send(Followed::Lost(follower.lost)) {
                    Ok(()) => follower.lost = 0,
                    Err(TrySendError::Full(_)) => {}
                    Err(TrySendError::Closed(_)) => return false,
                }
            }
            if follower.lost > 0 {
                follower.lost += 1;
                return true;
            }
            match follower.to.try_send(Followed::Line(line.clone())) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => follower.lost = 1,
                Err(TrySendError::Closed(_)) => return false,
            }
            true
        });
    }

    /// Forgets the older half at once: one move of memory for many lines.
    fn forget_half(&mut self) {
        let mut rest = self.records.as_slice();
        while rest.len() > RING / 2
            && let Some((header, after)) = rest.split_first_chunk::<HEADER>()
        {
            rest = after.get(parts(header).1..).unwrap_or_default();
        }
        self.records.drain(..self.records.len() - rest.len());
    }
}

fn parts(header: &[u8; HEADER]) -> (Stamp, usize, u8) {
    let [t0, t1, t2, t3, t4, t5, t6, t7, low, high, flags] = *header;
    let time = u64::from_ne_bytes([t0, t1, t2, t3, t4, t5, t6, t7]);
    (Stamp(time), usize::from(u16::from_ne_bytes([low, high])), flags)
}

fn line(time: Stamp, flags: u8, bytes: Vec<u8>) -> Line {
    Line {
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
        tail.push(Stamp(7), Stream::Stderr, Piece { bytes, continued: false, more: false });
    }

    #[test]
    fn followers_that_are_gone_are_not_kept_although_nothing_is_said() {
        let mut tail = Tail::default();
        for _ in 0..100 {
            drop(tail.follow(4));
        }
        let _stays = tail.follow(4);
        assert_eq!(tail.followers.len(), 1);
    }

    #[test]
    fn the_last_lines_are_kept_and_the_memory_is_bounded() {
        let mut tail = Tail::default();
        assert_eq!(tail.records.capacity(), 0, "a silent service costs nothing");
        for number in 0..100_000 {
            push(&mut tail, format!("line {number} {}", "x".repeat(number % 300)).as_bytes());
        }
        assert!(tail.records.len() <= RING && tail.records.capacity() <= 2 * RING);
        let last = tail.last(3);
        let texts: Vec<_> = last.iter().map(|line| String::from_utf8_lossy(&line.bytes[..10]).into_owned()).collect();
        assert_eq!(texts, ["line 99997", "line 99998", "line 99999"]);
        assert!(last.iter().all(|line| line.time == Stamp(7) && line.stream == Stream::Stderr && !line.cut));
        assert!(tail.last(0).is_empty());
        assert!(tail.last(1_000_000).len() > 50);
    }

    #[test]
    fn a_line_longer_than_the_ring_is_cut_and_says_so() {
        let mut tail = Tail::default();
        push(&mut tail, b"before");
        push(&mut tail, &[b'x'; 3 * RING]);
        let last = tail.last(5);
        assert_eq!(last.len(), 2);
        assert!(last[1].cut && last[1].bytes.len() == LONGEST_KEPT);
    }

    #[test]
    fn a_slow_follower_is_told_what_it_lost_and_holds_nothing_up() {
        let mut tail = Tail::default();
        let mut lines = tail.follow(2);
        for text in [b"1", b"2", b"3", b"4"] {
            push(&mut tail, text);
        }
        let text = |got: Followed| match got {
            Followed::Line(line) => String::from_utf8(line.bytes).unwrap(),
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
