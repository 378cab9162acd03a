//! What callers get of the logs: the last lines of services, merged in the order of their times, and new ones. Must not know
//! who may see them.

use std::sync::Arc;

use tokio::sync::mpsc::{self, Receiver};

use super::clock::Timestamp;
use super::followers::Followed;
use super::logs::Logs;
use super::tail::{NamedLine, TailLine};
use crate::supervise::Id;

/// A service and its name.
pub type Named = (Id, Arc<str>);

impl Logs {
    /// Returns the last `most` lines of a service, the oldest first; `None` if it inherits the container's outputs, so
    /// that its lines were not read.
    pub fn last_lines(&self, id: Id, most: usize) -> Option<Vec<TailLine>> {
        self.captures(id).then(|| self.service_logs.get(id.0).map(|log| log.tail.last(most)).unwrap_or_default())
    }

    /// Returns the last `most` lines of these services together, since then, the oldest first.
    pub fn last_lines_of(&self, services: &[Named], most: usize, since: Timestamp) -> Vec<NamedLine> {
        let mut all = Vec::new();
        for (id, name) in services {
            let lines = self.last_lines(*id, most).unwrap_or_default().into_iter();
            all.extend(
                lines.filter(|line| line.time >= since).map(|line| NamedLine { service: Arc::clone(name), line }),
            );
            // Not more in memory than twice of what is asked for.
            if all.len() / 2 >= most {
                keep_last(&mut all, most);
            }
        }
        keep_last(&mut all, most);
        all
    }

    /// Returns how many bytes and lines a service has written; `None` as above.
    pub fn written(&self, id: Id) -> Option<(u64, u64)> {
        let log = self.service_logs.get(id.0).filter(|_| self.captures(id))?;
        Some((log.bytes, log.tail.lines()))
    }

    /// Returns the lines of these services from now on, of which at most `space` wait. With `later` also those of services
    /// that a reload adds ([`Self::follow_added`]).
    pub fn follow(&mut self, services: &[Named], later: bool, space: usize) -> Receiver<Followed<NamedLine>> {
        let (to, lines) = mpsc::channel(space.max(1));
        for (id, name) in services {
            if let Some(log) = self.service_logs.get_mut(id.0) {
                log.tail.follow(Arc::clone(name), to.clone());
            }
        }
        self.followers_of_all.retain(|follower| !follower.is_closed());
        if later {
            self.followers_of_all.push(to);
        }
        lines
    }

    /// Has those who follow all services follow one that a reload has added.
    pub fn follow_added(&mut self, id: Id, name: &str) {
        let Some(log) = self.service_logs.get_mut(id.0) else { return };
        for to in &self.followers_of_all {
            log.tail.follow(name.into(), to.clone());
        }
    }
}

/// Sorts lines by their times, those of one time as they are, and drops all but the last.
fn keep_last(lines: &mut Vec<NamedLine>, most: usize) {
    lines.sort_by_key(|named| named.line.time);
    lines.drain(..lines.len().saturating_sub(most));
}

#[cfg(test)]
mod tests {
    use super::super::own_messages::Stream;
    use super::*;

    #[test]
    fn the_last_lines_are_those_of_the_latest_times() {
        let line = |service: &str, time| NamedLine {
            service: service.into(),
            line: TailLine {
                time: Timestamp(time),
                stream: Stream::Stdout,
                bytes: Vec::new(),
                continued: false,
                more: false,
                cut: false,
            },
        };
        let mut lines = vec![line("a", 1), line("a", 5), line("b", 2), line("b", 5), line("b", 7)];
        keep_last(&mut lines, 3);
        let left: Vec<_> = lines.iter().map(|named| (&*named.service, named.line.time.0)).collect();
        assert_eq!(left, [("a", 5), ("b", 5), ("b", 7)]);
    }
}
