//! [`IdVec`]: one value per service, indexed by [`Id`]. The only place that indexes.

use std::ops::{Index, IndexMut};

use super::Id;

/// One value per service.
///
/// Indexing cannot miss: an id of an event passes [`IdVec::has`] once, in `Supervisor::step`; every other one comes
/// from [`IdVec::ids`] or from edges that `Graph::new` has filtered with `has`; and all vectors of an engine have one
/// length; `Supervisor::reload` alone adds to it.
#[derive(Clone, Debug)]
pub(super) struct IdVec<T>(Vec<T>);

impl<T> IdVec<T> {
    /// Returns a vector of these, in the order of their ids.
    pub(super) fn new(all: impl IntoIterator<Item = T>) -> Self {
        Self(all.into_iter().collect())
    }

    /// Returns whether there is such a service.
    pub(super) fn has(&self, id: Id) -> bool {
        id.0 < self.0.len()
    }

    /// Returns how many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds one service's.
    pub(super) fn push(&mut self, value: T) {
        self.0.push(value);
    }

    /// Returns every id, in order; does not borrow the vector.
    pub(super) fn ids(&self) -> impl DoubleEndedIterator<Item = Id> + use<T> {
        (0..self.0.len()).map(Id)
    }

    /// Returns every value, in the order of their ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }
}

impl<T> Index<Id> for IdVec<T> {
    type Output = T;

    fn index(&self, id: Id) -> &T {
        &self.0[id.0]
    }
}

impl<T> IndexMut<Id> for IdVec<T> {
    fn index_mut(&mut self, id: Id) -> &mut T {
        &mut self.0[id.0]
    }
}
