//! Topological sort: each node after all that it needs, and cycles. Must not know what the
//! nodes are.

use std::collections::BTreeMap;

/// Nodes in the order of their dependencies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sorted<N> {
    /// Each node after all that it needs.
    pub order: Vec<N>,
    /// The nodes of cycles and those that need one, directly or not: they cannot be ordered.
    pub unordered: Vec<N>,
    /// Cycles: each node needs the next one, and the last the first. If there is any cycle, at least one is returned.
    pub cycles: Vec<Vec<N>>,
}

/// The state of a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum VisitState {
    /// It is on the current path of the search.
    Walking,
    /// It is in the order.
    Placed,
    /// It cannot be ordered.
    Unordered,
}

/// Sorts `nodes` by what each one `needs`; at most `max_cycles` cycles are returned, each once, beginning with its least node.
///
/// A depth-first search with a stack of its own (a chain may be as long as there are nodes): every link back into the path
/// closes a cycle, and every cycle has such a link.
pub fn sort<N: Copy + Ord, E: Iterator<Item = N>>(
    nodes: impl IntoIterator<Item = N>,
    needs: impl Fn(N) -> E,
    max_cycles: usize,
) -> Sorted<N> {
    let mut sorted = Sorted { order: Vec::new(), unordered: Vec::new(), cycles: Vec::new() };
    let mut marks = BTreeMap::new();
    let mut walk: Vec<(N, E)> = Vec::new();
    for start in nodes {
        let mut next = (!marks.contains_key(&start)).then_some(start);
        loop {
            if let Some(node) = next.take() {
                marks.insert(node, VisitState::Walking);
                walk.push((node, needs(node)));
            }
            let Some((node, edges)) = walk.last_mut() else { break };
            let node = *node;
            let Some(to) = edges.next() else {
                let is_placed = needs(node).all(|need| marks.get(&need) == Some(&VisitState::Placed));
                let (list, mark) = match is_placed {
                    true => (&mut sorted.order, VisitState::Placed),
                    false => (&mut sorted.unordered, VisitState::Unordered),
                };
                list.push(node);
                marks.insert(node, mark);
                walk.pop();
                continue;
            };
            match marks.get(&to) {
                None => next = Some(to),
                Some(VisitState::Walking) if sorted.cycles.len() < max_cycles => {
                    let cycle = walk.iter().map(|(node, _)| *node).skip_while(|node| *node != to).collect();
                    let cycle = from_least(cycle);
                    if !sorted.cycles.contains(&cycle) {
                        sorted.cycles.push(cycle);
                    }
                }
                Some(VisitState::Walking | VisitState::Placed | VisitState::Unordered) => {}
            }
        }
    }
    sorted
}

/// Turns a cycle so that it begins with its least node: the same cycle is then the same list.
fn from_least<N: Copy + Ord>(mut cycle: Vec<N>) -> Vec<N> {
    let least = cycle.iter().enumerate().min_by_key(|(_, node)| **node).map_or(0, |(at, _)| at);
    cycle.rotate_left(least);
    cycle
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(needs: &[Vec<usize>]) -> Sorted<usize> {
        sort(0..needs.len(), |node| needs[node].iter().copied(), usize::MAX)
    }

    /// Whether `from` needs `to`, directly or not.
    fn reaches(needs: &[Vec<usize>], from: usize, to: usize) -> bool {
        let (mut seen, mut queue) = (vec![false; needs.len()], vec![from]);
        while let Some(node) = queue.pop() {
            let fresh = needs[node].iter().filter(|need| !std::mem::replace(&mut seen[**need], true));
            queue.extend(fresh);
        }
        seen[to]
    }

    #[test]
    fn what_has_no_cycle_is_sorted_whole() {
        let none = Sorted { order: vec![2, 1, 0, 3], unordered: Vec::new(), cycles: Vec::new() };
        assert_eq!(sorted(&[vec![1, 2], vec![2], vec![], vec![0]]), none);
        let chain: Vec<_> = (0..100_000).map(|at| Vec::from_iter((at < 99_999).then_some(at + 1))).collect();
        assert!(sorted(&chain).order.into_iter().eq((0..100_000).rev()));
    }

    #[test]
    fn cycles_are_reported_once_each_and_at_most_as_many_as_asked_for() {
        // 0 ↔ 1, 2 → 3 → 4 → 2, 5 to itself, and 6 needs one of them.
        let needs = [vec![1], vec![0], vec![3], vec![4], vec![2], vec![5], vec![4]];
        let all = sorted(&needs);
        assert_eq!(all.cycles, [vec![0, 1], vec![2, 3, 4], vec![5]]);
        assert_eq!((all.order.len(), all.unordered.len()), (0, 7));
        assert_eq!(sort([3, 1], |node: usize| needs[node].iter().copied(), 1).cycles, [vec![2, 3, 4]]);
    }

    #[test]
    fn the_order_respects_every_dependency_and_a_cycle_is_a_path() {
        let mut seed = 1_u64;
        let mut random = |below: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed % below as u64).unwrap()
        };
        let mut with_cycles = 0;
        for round in 0..2000 {
            let count = 1 + random(9);
            let needs: Vec<Vec<usize>> = (0..count).map(|_| (0..random(3)).map(|_| random(count)).collect()).collect();
            let all = sorted(&needs);
            let place = |node: &usize| all.order.iter().position(|other| other == node);
            for (at, node) in all.order.iter().enumerate() {
                assert!(
                    needs[*node].iter().all(|need| place(need).is_some_and(|need| need < at)),
                    "{round}: {needs:?}"
                );
            }
            let on_cycle: Vec<bool> = (0..count).map(|node| reaches(&needs, node, node)).collect();
            for node in 0..count {
                let is_left =
                    (0..count).any(|other| on_cycle[other] && (other == node || reaches(&needs, node, other)));
                assert_eq!(all.unordered.contains(&node), is_left, "{round}: {needs:?}");
            }
            assert_eq!(all.order.len() + all.unordered.len(), count, "{round}: {needs:?}");
            for cycle in &all.cycles {
                let next = cycle.iter().cycle().skip(1);
                assert!(cycle.iter().zip(next).all(|(from, to)| needs[*from].contains(to)), "{round}: {needs:?}");
            }
            assert_eq!(all.cycles.is_empty(), all.unordered.is_empty(), "{round}: {needs:?}");
            with_cycles += usize::from(!all.cycles.is_empty());
        }
        assert!((500..1900).contains(&with_cycles), "{with_cycles}");
    }
}
