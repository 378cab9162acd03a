//! Which service depends on which: edges both ways, and how many layers a stop has. Must not know states.

use super::Id;
use super::id_vec::IdVec;
use super::spec::Spec;
use crate::config::topology;

/// The dependencies of all services. No cycle is expected (the configuration refuses them); one that is there
/// nevertheless keeps its services waiting and has no other effect. Every list of edges is in the order of ids.
#[derive(Clone, Debug)]
pub(super) struct Graph {
    edges: IdVec<Edges>,
    main: Option<Id>,
}

/// One service's.
#[derive(Clone, Debug, Default)]
struct Edges {
    requires: Vec<Id>,
    after: Vec<Id>,
    required_by: Vec<Id>,
    ordered_after: Vec<Id>,
}

impl Graph {
    /// Returns the graph of these services; edges to itself or to unknown ids, and repeated ones, are omitted, and so is
    /// an `after` that is also a `requires`. A main command is after everything and requires nothing.
    pub(super) fn new(specs: &[Spec]) -> Self {
        let main = specs.iter().position(|spec| spec.is_main).map(Id);
        let mut graph = Self { edges: IdVec::new(specs.iter().map(|_| Edges::default())), main };
        for (at, spec) in specs.iter().enumerate() {
            if Some(Id(at)) != main {
                graph.set(Id(at), &spec.requires, &spec.after);
            }
        }
        graph
    }

    /// Makes space for one more service.
    pub(super) fn push(&mut self) {
        self.edges.push(Edges::default());
    }

    /// Gives a service these edges instead of what it has. Returns what it depended on or does now, if that is another than
    /// before.
    pub(super) fn set(&mut self, me: Id, requires: &[Id], after: &[Id]) -> Vec<Id> {
        let clean = |ids: &[Id]| {
            let mut ids: Vec<Id> = ids.iter().copied().filter(|id| self.edges.has(*id) && *id != me).collect();
            ids.sort();
            ids.dedup();
            ids
        };
        let requires = clean(requires);
        let mut after = clean(after);
        after.retain(|id| requires.binary_search(id).is_err());
        if let Some(main) = self.main {
            insert(&mut self.edges[main].after, me);
            insert(&mut self.edges[me].ordered_after, main);
        }
        if self.edges[me].requires == requires && self.edges[me].after == after {
            return Vec::new();
        }
        let mut neighbours = self.clear_edges(me);
        requires.iter().for_each(|dependency| insert(&mut self.edges[*dependency].required_by, me));
        after.iter().for_each(|dependency| insert(&mut self.edges[*dependency].ordered_after, me));
        (self.edges[me].requires, self.edges[me].after) = (requires, after);
        neighbours.extend(self.dependencies(me));
        neighbours
    }

    /// Removes all edges of a service, in both directions. Returns what it depended on.
    pub(super) fn detach(&mut self, me: Id) -> Vec<Id> {
        for dependent in std::mem::take(&mut self.edges[me].required_by) {
            remove(&mut self.edges[dependent].requires, me);
        }
        for dependent in std::mem::take(&mut self.edges[me].ordered_after) {
            remove(&mut self.edges[dependent].after, me);
        }
        self.clear_edges(me)
    }

    fn clear_edges(&mut self, me: Id) -> Vec<Id> {
        let requires = std::mem::take(&mut self.edges[me].requires);
        let after = std::mem::take(&mut self.edges[me].after);
        requires.iter().for_each(|dependency| remove(&mut self.edges[*dependency].required_by, me));
        after.iter().for_each(|dependency| remove(&mut self.edges[*dependency].ordered_after, me));
        requires.into_iter().chain(after).collect()
    }

    /// What it requires.
    pub(super) fn requires(&self, id: Id) -> &[Id] {
        &self.edges[id].requires
    }

    /// What it is only after.
    pub(super) fn after(&self, id: Id) -> &[Id] {
        &self.edges[id].after
    }

    /// What requires it.
    pub(super) fn required_by(&self, id: Id) -> &[Id] {
        &self.edges[id].required_by
    }

    /// What is ordered after it without requiring it.
    pub(super) fn ordered_after(&self, id: Id) -> &[Id] {
        &self.edges[id].ordered_after
    }

    /// All that it depends on: stopped later than it.
    pub(super) fn dependencies(&self, id: Id) -> impl Iterator<Item = Id> + '_ {
        self.edges[id].requires.iter().chain(&self.edges[id].after).copied()
    }

    /// All that depends on it: stopped earlier.
    pub(super) fn dependents(&self, id: Id) -> impl Iterator<Item = Id> + '_ {
        self.edges[id].required_by.iter().chain(&self.edges[id].ordered_after).copied()
    }

    /// Returns, for each service, how many layers of the stop order come later than its own: the longest way down, of
    /// which only those count that have a process. `order` is [`Self::sorted`].
    pub(super) fn later_layers(&self, order: &[Id], has_process: impl Fn(Id) -> bool) -> IdVec<u32> {
        let mut later = IdVec::new(std::iter::repeat_n(0, self.edges.len()));
        for id in order {
            later[*id] = self
                .dependencies(*id)
                .map(|dependency| later[dependency] + u32::from(has_process(dependency)))
                .max()
                .unwrap_or(0);
        }
        later
    }

    /// Every service behind all that it depends on; those of a cycle, and those above one, are omitted. A reload that turns
    /// a dependency round makes a cycle, for as long as one of the two runs as it was.
    pub(super) fn sorted(&self) -> Vec<Id> {
        topology::sort(self.edges.ids(), |id| self.dependencies(id), 0).order
    }
}

fn insert(ids: &mut Vec<Id>, id: Id) {
    if let Err(at) = ids.binary_search(&id) {
        ids.insert(at, id);
    }
}

fn remove(ids: &mut Vec<Id>, id: Id) {
    if let Ok(at) = ids.binary_search(&id) {
        ids.remove(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(requires: &[usize], after: &[usize]) -> Spec {
        let ids = |places: &[usize]| places.iter().copied().map(Id).collect();
        Spec { requires: ids(requires), after: ids(after), is_main: false, ..Spec::main() }
    }

    #[test]
    fn edges_to_itself_to_unknown_ids_and_repeated_ones_are_omitted() {
        let graph = Graph::new(&[spec(&[], &[]), spec(&[0, 0, 1, 9], &[0, 1, 7])]);
        assert_eq!(graph.requires(Id(1)), [Id(0)]);
        assert_eq!(graph.after(Id(1)), []);
        assert_eq!(graph.required_by(Id(0)), [Id(1)]);
        assert_eq!(graph.dependents(Id(0)).count(), 1);
    }

    #[test]
    fn the_main_command_is_after_everything() {
        let graph = Graph::new(&[spec(&[], &[]), spec(&[], &[]), Spec::main()]);
        assert_eq!(graph.after(Id(2)), [Id(0), Id(1)]);
        assert_eq!(graph.ordered_after(Id(0)), [Id(2)]);
    }

    #[test]
    fn layers_are_counted_along_the_longest_way_and_only_where_something_lives() {
        let graph = Graph::new(&[spec(&[], &[]), spec(&[0], &[]), spec(&[1], &[]), spec(&[0], &[2])]);
        let all = graph.later_layers(&graph.sorted(), |_| true);
        assert_eq!(all.iter().copied().collect::<Vec<_>>(), [0, 1, 2, 3]);
        let without_the_second = graph.later_layers(&graph.sorted(), |id| id != Id(1));
        assert_eq!(without_the_second.iter().copied().collect::<Vec<_>>(), [0, 1, 1, 2]);
    }

    #[test]
    fn a_service_that_is_taken_out_and_one_that_comes_change_only_their_own_edges() {
        let mut graph = Graph::new(&[spec(&[], &[]), spec(&[0], &[]), Spec::main()]);
        assert_eq!(graph.detach(Id(1)), [Id(0)]);
        assert_eq!(
            (graph.after(Id(2)), graph.required_by(Id(0)), graph.ordered_after(Id(1))),
            (&[Id(0)][..], &[][..], &[][..])
        );
        graph.push();
        assert_eq!(graph.set(Id(3), &[], &[Id(0)]), [Id(0)]);
        assert_eq!(graph.set(Id(3), &[], &[Id(0)]), [], "nothing has changed");
        assert_eq!((graph.after(Id(2)), graph.ordered_after(Id(0))), (&[Id(0), Id(3)][..], &[Id(2), Id(3)][..]));
        assert_eq!(graph.set(Id(1), &[Id(3)], &[]), [Id(3)]);
        assert_eq!(graph.set(Id(1), &[Id(0)], &[]), [Id(3), Id(0)], "what it depended on, and what it depends on now");
    }

    #[test]
    fn a_cycle_does_no_harm() {
        let graph = Graph::new(&[spec(&[1], &[]), spec(&[0], &[]), spec(&[], &[])]);
        assert_eq!(graph.later_layers(&graph.sorted(), |_| true).iter().copied().collect::<Vec<_>>(), [0, 0, 0]);
    }
}
