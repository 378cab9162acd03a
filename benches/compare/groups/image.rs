//! The boot of an image made for s6-overlay.

use super::super::Outcome;
use super::super::bench::Bench;
use super::super::budget::Limit;
use super::super::peers::image::{self, Image};
use super::super::race::Race;
use super::super::results::Case;

/// The scripts without an init.
const ALONE: &str = "its scripts alone, by sh";

/// Measures.
pub fn run(bench: &Bench) -> Outcome<Vec<Case>> {
    let mut race = Race::default();
    race.one(ALONE, image::scripts_alone(bench), Image::boot);
    for (row, bench) in bench.versions("stepdown") {
        race.one(&row, image::stepdown(&bench), Image::boot);
    }
    race.one("s6-overlay", image::s6_overlay(bench), Image::boot);
    let [case] =
        race.run(bench.rounds(60), [Case::new("13 oneshots for bash, one after the other, then two services", "ms")])?;
    Ok(vec![case.against("s6-overlay").budget("stepdown", &Limit::Times(0.2, "s6-overlay"))])
}
