//! Where the boxes of a graph stand: in columns by how many others come before them, and within a column near those that they
//! are tied to, so that few lines cross. A line over several columns has a place of its own in each, so that it crosses no box.
//! Numbers in, numbers out.

use std::collections::BTreeMap;

/// A tie between two services, by their indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    /// The one that comes first.
    pub from: usize,
    /// The one that waits for it.
    pub to: usize,
    /// Whether it is required, not only ordered.
    pub is_required: bool,
}

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    /// A service.
    Service(usize),
    /// A line that passes, from one service to another, in this column.
    Passing(usize, usize, usize),
}

impl Item {
    pub(super) fn service(self) -> Option<usize> {
        match self {
            Self::Service(at) => Some(at),
            Self::Passing(..) => None,
        }
    }
}

/// How often the order within columns is improved.
const SWEEPS: usize = 8;
/// How far a line is drawn straight before it bends.
const BEND: u32 = 32;

/// Returns the columns, each from top to bottom.
pub(super) fn columns(count: usize, edges: &[Edge]) -> Vec<Vec<Item>> {
    let depths = depths(count, edges);
    let depth = |at: usize| depths.get(at).copied().unwrap_or(0);
    let mut columns = vec![Vec::new(); depths.iter().max().map_or(0, |deepest| deepest + 1)];
    for at in 0..count {
        columns[depth(at)].push(Item::Service(at));
    }
    for edge in edges {
        let (first, last) = (depth(edge.from) + 1, depth(edge.to));
        for (at, column) in columns.iter_mut().enumerate().take(last).skip(first) {
            column.push(Item::Passing(edge.from, edge.to, at));
        }
    }
    let ties: Vec<(Item, Item)> = edges.iter().flat_map(|edge| stops(edge, depth(edge.from), depth(edge.to))).collect();
    for sweep in 0..SWEEPS {
        let forward = sweep % 2 == 0;
        let order: Vec<usize> =
            if forward { (1..columns.len()).collect() } else { (0..columns.len().saturating_sub(1)).rev().collect() };
        for at in order {
            let near = if forward { at - 1 } else { at + 1 };
            let places: BTreeMap<Item, usize> =
                columns[near].iter().enumerate().map(|(place, item)| (*item, place)).collect();
            sort_by_neighbours(&mut columns[at], &places, &ties);
        }
    }
    columns
}

/// Returns the parts of a line, from column to column.
fn stops(edge: &Edge, from: usize, to: usize) -> Vec<(Item, Item)> {
    let item = |column: usize| match column {
        first if first == from => Item::Service(edge.from),
        last if last == to => Item::Service(edge.to),
        column => Item::Passing(edge.from, edge.to, column),
    };
    (from..to).map(|column| (item(column), item(column + 1))).collect()
}

/// Returns how many others come before each one, at most.
fn depths(count: usize, edges: &[Edge]) -> Vec<usize> {
    let mut depths = vec![0; count];
    // A cycle, which the configuration refuses, ends here too.
    for _ in 0..count {
        let mut is_done = true;
        for Edge { from, to, .. } in edges {
            if depths[*to] <= depths[*from] && depths[*from] < count {
                depths[*to] = depths[*from] + 1;
                is_done = false;
            }
        }
        if is_done {
            break;
        }
    }
    depths
}

fn sort_by_neighbours(column: &mut [Item], places: &BTreeMap<Item, usize>, ties: &[(Item, Item)]) {
    let middle = |item: &Item| {
        let near = ties.iter().filter_map(|(left, right)| match (left == item, right == item) {
            (true, _) => places.get(right),
            (_, true) => places.get(left),
            (false, false) => None,
        });
        let all: Vec<usize> = near.copied().collect();
        // Thousandths: places are whole.
        (!all.is_empty()).then(|| all.iter().sum::<usize>() * 1000 / all.len())
    };
    let mut keyed: Vec<(usize, Item)> =
        column.iter().enumerate().map(|(at, item)| (middle(item).unwrap_or(at * 1000), *item)).collect();
    keyed.sort_by_key(|(key, _)| *key);
    for (place, (_, item)) in column.iter_mut().zip(keyed) {
        *place = item;
    }
}

/// Returns the line of a tie, through its places in the columns between: from the right side of a box to the left side of
/// another. `places`: left side, middle, and width.
pub(super) fn path_of(edge: &Edge, places: &BTreeMap<Item, (u32, u32, u32)>) -> String {
    let Some((x, y, width)) = places.get(&Item::Service(edge.from)) else { return String::new() };
    let Some((to_x, to_y, _)) = places.get(&Item::Service(edge.to)) else { return String::new() };
    let mut path = format!("M{} {y}", x + width);
    let mut at = (x + width, *y);
    let between = places.range(Item::Passing(edge.from, edge.to, 0)..=Item::Passing(edge.from, edge.to, usize::MAX));
    for (_, (x, y, width)) in between {
        path.push_str(&curve(at, (*x, *y)));
        path.push_str(&format!(" H{}", x + width));
        at = (x + width, *y);
    }
    path + &curve(at, (*to_x, *to_y))
}

fn curve((x, y): (u32, u32), (to_x, to_y): (u32, u32)) -> String {
    format!(" C{} {y} {} {to_y} {to_x} {to_y}", x + BEND, to_x.saturating_sub(BEND))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: usize, to: usize) -> Edge {
        Edge { from, to, is_required: true }
    }

    #[test]
    fn each_one_stands_right_of_all_that_come_before_it_and_long_lines_have_their_places() {
        let all = columns(4, &[edge(0, 1), edge(1, 2), edge(0, 2)]);
        assert_eq!(all.len(), 3);
        assert!(all[0].contains(&Item::Service(0)) && all[0].contains(&Item::Service(3)));
        assert!(all[1].contains(&Item::Service(1)) && all[1].contains(&Item::Passing(0, 2, 1)));
        assert_eq!(all[2], [Item::Service(2)]);
        assert!(columns(0, &[]).is_empty());
    }

    #[test]
    fn the_order_within_a_column_avoids_crossings() {
        // 0 → 3, 1 → 2: drawn in the order of their numbers they would cross.
        let all = columns(4, &[edge(0, 3), edge(1, 2)]);
        let place = |at: usize, column: usize| all[column].iter().position(|item| *item == Item::Service(at)).unwrap();
        assert_eq!(place(0, 0) < place(1, 0), place(3, 1) < place(2, 1));
    }
}
