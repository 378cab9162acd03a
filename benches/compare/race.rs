//! Contestants that take turns, so that whatever else the machine does hits them alike. Knows no unit and no contestant.

use super::results::Case;
use super::{Outcome, interrupt};

/// Not counted: page caches fill, accounts are written.
const WARM_UP: usize = 2;

/// Somebody who is measured.
pub struct Contestant<'a> {
    /// The row.
    pub who: String,
    /// Does the work once; a number for each case.
    pub run: Box<dyn FnMut() -> Outcome<Vec<f64>> + 'a>,
}

/// What takes part in a comparison, or cannot.
#[derive(Default)]
pub struct Race<'a> {
    contestants: Vec<Contestant<'a>>,
    missing: Vec<(String, String)>,
}

impl<'a> Race<'a> {
    /// Adds one that was made ready, or notes why it could not be.
    pub fn add<T: 'a>(&mut self, who: &str, made: Outcome<T>, mut run: impl FnMut(&mut T) -> Outcome<Vec<f64>> + 'a) {
        match made {
            Ok(mut made) => {
                self.contestants.push(Contestant { who: who.to_owned(), run: Box::new(move || run(&mut made)) });
            }
            Err(error) => self.missing.push((who.to_owned(), error.to_string())),
        }
    }

    /// Adds one with a single number.
    pub fn one<T: 'a>(&mut self, who: &str, made: Outcome<T>, mut run: impl FnMut(&mut T) -> Outcome<f64> + 'a) {
        self.add(who, made, move |made| run(made).map(|number| vec![number]));
    }

    /// Lets all take turns so often, each first, second … equally often; who fails is taken out, and named.
    pub fn run<const N: usize>(mut self, rounds: usize, cases: [Case; N]) -> Outcome<[Case; N]> {
        let mut samples = vec![vec![Vec::new(); N]; self.contestants.len()];
        let mut failed: Vec<Option<String>> = vec![None; self.contestants.len()];
        let warm_up = WARM_UP.min(rounds / 4);
        for round in 0..warm_up + rounds {
            for place in 0..self.contestants.len() {
                let at = (place + round) % self.contestants.len();
                let (Some(contestant), Some(samples), Some(failed)) =
                    (self.contestants.get_mut(at), samples.get_mut(at), failed.get_mut(at))
                else {
                    continue;
                };
                if failed.is_some() {
                    continue;
                }
                interrupt::check()?;
                match (contestant.run)() {
                    Ok(_) if round < warm_up => {}
                    Ok(numbers) => samples.iter_mut().zip(numbers).for_each(|(samples, number)| samples.push(number)),
                    Err(error) => {
                        interrupt::check()?;
                        *failed = Some(error.to_string());
                    }
                }
            }
        }
        let mut cases = cases;
        for (at, case) in cases.iter_mut().enumerate() {
            for ((contestant, samples), failed) in self.contestants.iter().zip(&samples).zip(&failed) {
                match failed {
                    Some(why) => case.missing(&contestant.who, why),
                    None => case.row(&contestant.who, samples.get(at).map_or(&[], Vec::as_slice)),
                }
            }
            self.missing.iter().for_each(|(who, why)| case.missing(who, why));
        }
        Ok(cases)
    }
}
