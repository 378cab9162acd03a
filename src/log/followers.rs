//! [`Followers`]: clients that get each new item. Bounded in what waits for a slow one. Must not know what an item is.

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender};

/// What a follower gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed<T> {
    /// The next item.
    Item(T),
    /// The number of items that were lost because the follower was too slow.
    Lost(u64),
}

/// The followers of one source.
#[derive(Debug)]
pub struct Followers<T>(Vec<Follower<T>>);

#[derive(Debug)]
struct Follower<T> {
    to: Sender<Followed<T>>,
    lost: u64,
}

impl<T> Default for Followers<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Clone> Followers<T> {
    /// Returns whether nobody follows.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the items from now on. If more than `space` of them wait for the follower, the rest is lost, and their number
    /// is sent. It ends when the receiver is dropped.
    pub fn add(&mut self, space: usize) -> Receiver<Followed<T>> {
        let (to, items) = mpsc::channel(space.max(1));
        self.join(to);
        items
    }

    /// Adds a follower whose channel exists.
    pub fn join(&mut self, to: Sender<Followed<T>>) {
        // Else closed followers of a quiet source would be kept until its next item.
        self.drop_closed();
        self.0.push(Follower { to, lost: 0 });
    }

    /// Drops followers that are gone.
    pub fn drop_closed(&mut self) {
        self.0.retain(|follower| !follower.to.is_closed());
    }

    /// Passes an item on to each follower.
    pub fn pass_on(&mut self, item: &T) {
        self.0.retain_mut(|follower| follower.pass_on(item));
    }
}

impl<T: Clone> Follower<T> {
    /// Returns whether it is still there.
    fn pass_on(&mut self, item: &T) -> bool {
        if self.lost > 0 {
            match self.to.try_send(Followed::Lost(self.lost)) {
                Ok(()) => self.lost = 0,
                Err(TrySendError::Full(_)) => {}
                Err(TrySendError::Closed(_)) => return false,
            }
        }
        if self.lost > 0 {
            self.lost += 1;
            return true;
        }
        match self.to.try_send(Followed::Item(item.clone())) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.lost = 1,
            Err(TrySendError::Closed(_)) => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn followers_that_are_gone_are_dropped_even_without_new_items() {
        let mut followers = Followers::<u32>::default();
        for _ in 0..100 {
            drop(followers.add(4));
        }
        let _stays = followers.add(4);
        assert_eq!(followers.0.len(), 1);
    }
}
