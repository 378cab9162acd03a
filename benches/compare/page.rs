//! Results as a page of the book. Knows Markdown, and measures nothing.

use std::fmt::Write;

use super::results::{Case, Results};
use super::table::{number, ratio};

const HEAD: &str = "\
<!-- Written by `.ci/bench --page FILE`, from the results of a run. -->
# Benchmarks

Each program is the real PID 1 of a container of its own: fresh PID and mount namespaces, a root file system that has nothing
else. All of a comparison take turns within one run, so that whatever else the machine does hits them alike: the ratios mean
more than the times. A row has the median, and the tenth and the ninetieth percentile. The budgets are the project's own
aims, met or missed; a missed one is a work item, not a footnote.

`.ci/bench` measures all of it again on a Debian machine, as root; `.ci/bench --help` lists the groups that can be chosen.
";

/// Below this load average nothing else was running.
const QUIET: f64 = 0.5;

/// Returns the page.
pub fn page(results: &Results) -> String {
    let machine = &results.machine;
    let mut text = HEAD.to_owned();
    let rough = if results.quick {
        " **These are small sizes (`--quick`), which show that it works: the numbers are rough, and no budget is judged.**"
    } else {
        ""
    };
    let busy = if machine.load_before > QUIET {
        " The machine was busy with other work: times are too long, and ratios are rough."
    } else {
        ""
    };
    _ = write!(
        text,
        "\n## Where and when\n\n{}, {}, {}, {}, disk: {}. Load average {} at the beginning, {} at the end; the run took \
         {:.0} s.{busy}{rough}\n\n| program | version |\n|---|---|\n",
        machine.date,
        machine.kernel,
        machine.processors,
        machine.memory,
        machine.disk,
        machine.load_before,
        machine.load_after,
        results.seconds
    );
    machine.versions.iter().for_each(|(name, version)| _ = writeln!(text, "| {name} | {version} |"));
    if !results.quick {
        text += "\n## Budgets\n\n| what | value | budget | |\n|---|---|---|---|\n";
    }
    for case in results.groups.iter().flat_map(|group| &group.cases) {
        for verdict in &case.verdicts {
            let value = case.median(&verdict.who).map(number).unwrap_or_default();
            let unit = &case.unit;
            let text_of = |used: f64| format!("{}, {used:.2} of it", if used <= 1.0 { "met" } else { "**missed**" });
            let judged = verdict.used.map_or_else(|| "nothing to compare with".to_owned(), text_of);
            _ = writeln!(text, "| {}: {} | {value} {unit} | {} | {judged} |", case.title, verdict.who, verdict.budget);
        }
    }
    for group in &results.groups {
        _ = writeln!(text, "\n## {}\n\nGroup `{}`.", sentence(&group.title), group.name);
        group.cases.iter().for_each(|case| table(&mut text, case));
    }
    text
}

fn table(text: &mut String, case: &Case) {
    let against = case.reference.as_ref().map_or_else(String::new, |who| format!("÷ {who}"));
    _ = writeln!(text, "\n### {}, {}\n", sentence(&case.title), case.unit);
    _ = writeln!(text, "| | median | p10 | p90 | {against} |\n|---|--:|--:|--:|--:|");
    for row in &case.rows {
        let ratio = ratio(case, row).unwrap_or_default();
        let (median, p10, p90) = (number(row.median), number(row.p10), number(row.p90));
        _ = writeln!(text, "| {} | {median} | {p10} | {p90} | {ratio} |", row.who);
    }
    case.missing.iter().for_each(|missing| {
        _ = writeln!(text, "| {} | missing: {} | | | |", missing.who, missing.why.replace('|', "\\|"))
    });
}

fn sentence(title: &str) -> String {
    let mut letters = title.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
