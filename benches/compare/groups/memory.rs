//! The memory of an init with its helpers, while its services run and nothing happens.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::Outcome;
use super::super::bench::Bench;
use super::super::budget::Limit;
use super::super::process::{Memory, of_the_init};
use super::super::results::Case;
use super::many::Many;

/// After its work an init may give memory back.
const SETTLE: Duration = Duration::from_secs(3);

/// Measures.
pub fn run(bench: &Bench) -> Outcome<Vec<Case>> {
    let mut cases = Vec::new();
    // Private dirty memory by size: what each further service needs.
    let mut by_size: BTreeMap<String, Vec<(usize, f64)>> = BTreeMap::new();
    let sizes = bench.size([1, 100, 500, 1000], [1, 10, 30, 50]);
    for count in sizes {
        let of_this = size(bench, count)?;
        for row in of_this.first().into_iter().flat_map(|case| &case.rows) {
            by_size.entry(row.who.clone()).or_default().push((count, row.median));
        }
        cases.extend(of_this);
    }
    let [_, from, _, to] = sizes;
    let mut further =
        Case::new(format!("private dirty memory of a further service, {from} to {to}"), "KiB").against("dinit");
    for (who, sizes) in by_size {
        let at = |count| sizes.iter().find(|(size, _)| *size == count).map(|(_, kib)| *kib);
        if let (Some(few), Some(many)) = (at(from), at(to)) {
            further.row(who, &[(many - few) / (to - from) as f64]);
        }
    }
    cases.push(further.budget("stepdown", &Limit::AtMost(2.5)));
    Ok(cases)
}

fn size(bench: &Bench, count: usize) -> Outcome<[Case; 5]> {
    let mut many = Many::new(bench, count);
    let mut samples: BTreeMap<String, Vec<Memory>> = BTreeMap::new();
    for _ in 0..bench.rounds(3) {
        for (who, container) in many.start(SETTLE)? {
            samples.entry(who.clone()).or_default().push(Memory::of(&of_the_init(container)?)?);
        }
    }
    let titles = [
        "private dirty memory",
        "private dirty, page tables, kernel stacks, pipes",
        "PSS",
        "PSS, page tables, kernel stacks",
        "processes of the init",
    ];
    let mut cases = titles.map(|title| {
        let unit = if title.starts_with("processes") { "processes" } else { "KiB" };
        Case::new(format!("{title}, {count} services"), unit).against(if count == 1 { "tini" } else { "s6-svscan" })
    });
    let values: [fn(&Memory) -> f64; 5] =
        [|memory| memory.private_dirty, Memory::private, |memory| memory.pss, Memory::total, |memory| memory.processes];
    for (case, value) in cases.iter_mut().zip(values) {
        samples.iter().for_each(|(who, samples)| case.row(who, &samples.iter().map(value).collect::<Vec<_>>()));
    }
    many.name_missing(&mut cases);
    let [dirty, private, pss, total, processes] = cases;
    let (dirty, total) = match count {
        1 => (dirty.budget("stepdown", &Limit::AtMost(320.0)), total.budget("stepdown", &Limit::Times(1.5, "tini"))),
        500.. => (dirty, total.budget("stepdown", &Limit::Times(0.1, "s6-svscan"))),
        _ => (dirty, total.budget("stepdown", &Limit::Times(0.25, "s6-svscan"))),
    };
    Ok([dirty, private, pss, total, processes.budget("stepdown", &Limit::AtMost(1.0))])
}
