//! Results as a table for a terminal. Knows how numbers look, and measures nothing.

use std::fmt::Write;

use super::results::{Case, Group, Machine, Results, Row};

/// Returns all tables.
pub fn results(results: &Results) -> String {
    let groups: String = results.groups.iter().map(group).collect();
    format!("{}{groups}{}", machine(&results.machine), budgets(&results.groups))
}

/// Returns where the run happens.
pub fn machine(machine: &Machine) -> String {
    let mut text = format!(
        "{}, {}, {}, {}, disk: {}, load {}\n",
        machine.date, machine.kernel, machine.processors, machine.memory, machine.disk, machine.load_before
    );
    machine.versions.iter().for_each(|(name, version)| _ = writeln!(text, "  {name:<12} {version}"));
    text
}

/// Returns the tables of one group.
pub fn group(group: &Group) -> String {
    let cases: String = group.cases.iter().map(case).collect();
    format!("\n{}: {} ({:.0} s)\n{cases}", group.name, group.title, group.seconds)
}

/// Returns one line for each budget, those that are missed first.
pub fn budgets(groups: &[Group]) -> String {
    let mut lines = Vec::new();
    for case in groups.iter().flat_map(|group| &group.cases) {
        for verdict in &case.verdicts {
            let value = case.median(&verdict.who).map(number).unwrap_or_default();
            let line = format!("  {}, {}: {value} {}; {}\n", case.title, verdict.who, case.unit, verdict.text());
            lines.push((verdict.is_met() != Some(false), line));
        }
    }
    lines.sort_by_key(|(met, _)| *met);
    let lines: String = lines.into_iter().map(|(_, line)| line).collect();
    format!("\nbudgets\n{lines}")
}

fn case(case: &Case) -> String {
    let against = case.reference.as_ref().map_or_else(String::new, |who| format!("÷ {who}"));
    let head = format!("{}, {}", case.title, case.unit);
    let mut text = format!("\n{head:<56} {:>10} {:>10} {:>10} {against:>12}\n", "median", "p10", "p90");
    for row in &case.rows {
        let verdicts: Vec<_> = case.verdicts.iter().filter(|verdict| verdict.who == row.who).collect();
        let verdicts: String = verdicts.iter().map(|verdict| format!("  {}", verdict.text())).collect();
        let (median, p10, p90) = (number(row.median), number(row.p10), number(row.p90));
        let ratio = ratio(case, row).unwrap_or_default();
        _ = writeln!(text, "  {:<54} {median:>10} {p10:>10} {p90:>10} {ratio:>12}{verdicts}", row.who);
    }
    case.missing.iter().for_each(|missing| _ = writeln!(text, "  {:<54} missing: {}", missing.who, missing.why));
    text
}

/// Returns a row in multiples of the reference.
pub fn ratio(case: &Case, row: &Row) -> Option<String> {
    let reference = case.median(case.reference.as_deref()?).filter(|reference| *reference > 0.0)?;
    Some(format!("{:.2}", row.median / reference))
}

/// Returns a number with as many digits as mean something.
pub fn number(value: f64) -> String {
    match value.abs() {
        _ if value.fract() == 0.0 => format!("{value}"),
        0.0..10.0 => format!("{value:.3}"),
        10.0..100.0 => format!("{value:.2}"),
        100.0..1000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
