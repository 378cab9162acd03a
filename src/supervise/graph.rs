//! Who depends on whom: edges both ways, and how many layers a stop has. Must not know states.

use super::Id;
use super::spec::Spec;
use super::table::Table;

/// The dependencies of all services. No cycle is expected (the configuration refuses them); one that is there all the
/// same keeps its services waiting and does no harm else.
#[derive(Clone, Debug)]
pub(super) struct Graph {
    requires: Table<Vec<Id>>,
    after: Table<Vec<Id>>,
    required_by: Table<Vec<Id>>,
    before: Table<Vec<Id>>,
    /// Every service behind all that it depends on.
    order: Vec<Id>,
    /// Whether it is in that order: not in a cycle, nor above one.
    ordered: Table<bool>,
}

impl Graph {
    /// Returns the graph of these services; edges to itself or to nobody, and repeated ones, are left out, and so is
    /// an `after` that is also a `requires`. A main command is after everything and requires nothing.
    pub(super) fn new(specs: &[Spec]) -> Self {
        let everybody = || (0..specs.len()).map(Id);
        let clean = |me: Id, mut ids: Vec<Id>| {
            ids.sort();
            ids.dedup();
            ids.retain(|id| id.0 < specs.len() && *id != me);
            ids
        };
        let requires = Table::new(specs.iter().zip(everybody()).map(|(spec, me)| {
            let ids = if spec.is_main { Vec::new() } else { spec.requires.clone() };
            clean(me, ids)
        }));
        let after = Table::new(specs.iter().zip(everybody()).map(|(spec, me)| {
            let mut ids = clean(me, if spec.is_main { everybody().collect() } else { spec.after.clone() });
            ids.retain(|id| requires[me].binary_search(id).is_err());
            ids
        }));
        let ordered = Table::new(requires.iter().map(|_| false));
        let required_by = reversed(&requires);
        let before = reversed(&after);
        let mut graph = Self { requires, after, required_by, before, order: Vec::new(), ordered };
        graph.order = graph.sorted();
        for id in graph.order.clone() {
            graph.ordered[id] = true;
        }
        graph
    }

    /// Whether everything that it depends on can come before it. A reload that turns a dependency round makes a cycle, for
    /// as long as one of the two runs as it was.
    pub(super) fn is_ordered(&self, id: Id) -> bool {
        self.ordered[id]
    }

    /// What it requires.
    pub(super) fn requires(&self, id: Id) -> &[Id] {
        &self.requires[id]
    }

    /// What it is only after.
    pub(super) fn after(&self, id: Id) -> &[Id] {
        &self.after[id]
    }

    /// What requires it.
    pub(super) fn required_by(&self, id: Id) -> &[Id] {
        &self.required_by[id]
    }

    /// What is only after it.
    pub(super) fn before(&self, id: Id) -> &[Id] {
        &self.before[id]
    }

    /// All that it depends on: told to stop later than it.
    pub(super) fn below(&self, id: Id) -> impl Iterator<Item = Id> + '_ {
        self.requires[id].iter().chain(&self.after[id]).copied()
    }

    /// All that depends on it: told to stop earlier.
    pub(super) fn above(&self, id: Id) -> impl Iterator<Item = Id> + '_ {
        self.required_by[id].iter().chain(&self.before[id]).copied()
    }

    /// Returns, for each service, how many layers of the stop order come later than its own: the longest way down, of
    /// which only those count that are `alive`.
    pub(super) fn later_layers(&self, alive: impl Fn(Id) -> bool) -> Table<u32> {
        let mut later = Table::new(std::iter::repeat_n(0, self.requires.len()));
        for id in &self.order {
            later[*id] = self.below(*id).map(|below| later[below] + u32::from(alive(below))).max().unwrap_or(0);
        }
        later
    }

    /// Every service behind all that it depends on; those of a cycle are left out.
    fn sorted(&self) -> Vec<Id> {
        let mut missing = Table::new(self.requires.ids().map(|id| self.below(id).count()));
        let mut order: Vec<Id> = missing.ids().filter(|id| missing[*id] == 0).collect();
        let mut next = 0;
        while let Some(id) = order.get(next).copied() {
            next += 1;
            for above in self.above(id) {
                missing[above] -= 1;
                if missing[above] == 0 {
                    order.push(above);
                }
            }
        }
        order
    }
}

fn reversed(edges: &Table<Vec<Id>>) -> Table<Vec<Id>> {
    let mut back = Table::new(edges.ids().map(|_| Vec::new()));
    for from in edges.ids() {
        for to in &edges[from] {
            back[*to].push(from);
        }
    }
    back
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(requires: &[usize], after: &[usize]) -> Spec {
        let ids = |places: &[usize]| places.iter().copied().map(Id).collect();
        Spec { requires: ids(requires), after: ids(after), is_main: false, ..Spec::main() }
    }

    #[test]
    fn edges_to_itself_to_nobody_and_repeated_ones_are_left_out() {
        let graph = Graph::new(&[spec(&[], &[]), spec(&[0, 0, 1, 9], &[0, 1, 7])]);
        assert_eq!(graph.requires(Id(1)), [Id(0)]);
        assert_eq!(graph.after(Id(1)), []);
        assert_eq!(graph.required_by(Id(0)), [Id(1)]);
        assert_eq!(graph.above(Id(0)).count(), 1);
    }

    #[test]
    fn the_main_command_is_after_everything() {
        let graph = Graph::new(&[spec(&[], &[]), spec(&[], &[]), Spec::main()]);
        assert_eq!(graph.after(Id(2)), [Id(0), Id(1)]);
        assert_eq!(graph.before(Id(0)), [Id(2)]);
    }

    #[test]
    fn layers_are_counted_along_the_longest_way_and_only_where_something_lives() {
        let graph = Graph::new(&[spec(&[], &[]), spec(&[0], &[]), spec(&[1], &[]), spec(&[0], &[2])]);
        let all = graph.later_layers(|_| true);
        assert_eq!(all.iter().copied().collect::<Vec<_>>(), [0, 1, 2, 3]);
        let without_the_second = graph.later_layers(|id| id != Id(1));
        assert_eq!(without_the_second.iter().copied().collect::<Vec<_>>(), [0, 1, 1, 2]);
    }

    #[test]
    fn a_cycle_does_no_harm() {
        let graph = Graph::new(&[spec(&[1], &[]), spec(&[0], &[]), spec(&[], &[])]);
        assert_eq!(graph.later_layers(|_| true).iter().copied().collect::<Vec<_>>(), [0, 0, 0]);
    }
}
