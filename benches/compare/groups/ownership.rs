//! The owners of many files: ours beside `chown -R` and beside a bare walk of two threads that changes nothing.
#![allow(clippy::disallowed_methods)] // measures, and runs others to compare with

use std::cell::Cell;
use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::super::bench::Bench;
use super::super::budget::Limit;
use super::super::race::Race;
use super::super::results::Case;
use super::super::workplace::{Medium, succeed};
use super::super::{Outcome, interrupt, walk};

/// How files lie in directories.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// 50 in each of many.
    Usual,
    /// All in ten.
    Wide,
    /// Ten in each of a hundred, one below the other.
    Deep,
}

/// A tree; gone when dropped.
struct Tree {
    top: PathBuf,
    /// Every hundredth.
    some: Vec<PathBuf>,
    /// Whose all files are.
    owner: Cell<u32>,
}

const RIGHT: u32 = 1000;

/// Measures.
pub fn run(bench: &Bench) -> Outcome<Vec<Case>> {
    let mut cases = tree(bench, Shape::Usual, Medium::Tmpfs, true)?;
    cases.extend(tree(bench, Shape::Wide, Medium::Tmpfs, false)?);
    cases.extend(tree(bench, Shape::Deep, Medium::Tmpfs, false)?);
    cases.extend(tree(bench, Shape::Usual, Medium::Disk, true)?);
    Ok(cases)
}

fn tree(bench: &Bench, shape: Shape, medium: Medium, is_whole: bool) -> Outcome<Vec<Case>> {
    let count = bench.size(200_000, 5000);
    let tree = Tree::grow(bench, shape, medium, count)?;
    let title = |state: &str| format!("{count} files, {state}, {shape:?}, on {medium:?}").to_lowercase();
    let rounds = bench.rounds(5);
    let mut cases = nothing_wrong(&tree, rounds, &title("nothing wrong"), &|| Ok(()))?;
    cases.push(all_wrong(&tree, rounds, &title("all wrong"))?);
    if is_whole {
        cases.push(some_wrong(&tree, rounds, &title("1 % wrong"))?);
    }
    if is_whole && medium == Medium::Disk {
        cases.extend(nothing_wrong(&tree, bench.rounds(3), &title("nothing wrong, cold"), &|| {
            nix::unistd::sync();
            Ok(fs::write("/proc/sys/vm/drop_caches", "3")?)
        })?);
    }
    Ok(cases)
}

fn nothing_wrong(tree: &Tree, rounds: usize, title: &str, before: &dyn Fn() -> Outcome<()>) -> Outcome<Vec<Case>> {
    tree.all_of(RIGHT)?;
    let mut race = Race::default();
    race.add("bare walk", Ok(()), |()| before().and_then(|()| walk::spawn("bare", &tree.top, RIGHT)));
    race.add("stepdown", Ok(()), |()| before().and_then(|()| walk::spawn("ours", &tree.top, RIGHT)));
    race.add("chown -R", Ok(()), |()| before().and_then(|()| Ok(vec![tree.chown(RIGHT)?])));
    let [elapsed, memory] =
        race.run(rounds, [Case::new(title, "ms"), Case::new(format!("peak memory: {title}"), "KiB")])?;
    let elapsed = elapsed.against("chown -R");
    if title.contains("cold") {
        return Ok(vec![elapsed]);
    }
    let elapsed = elapsed.budget("stepdown", &Limit::Times(0.4, "chown -R"));
    let elapsed = elapsed.budget("stepdown", &Limit::Times(1.2, "bare walk"));
    Ok(vec![elapsed, memory.budget("stepdown", &Limit::AtMost(8192.0))])
}

fn all_wrong(tree: &Tree, rounds: usize, title: &str) -> Outcome<Case> {
    let mut race = Race::default();
    // Each takes the tree over from the other.
    race.one("stepdown", Ok(()), |()| {
        let id = tree.owner.get() + 1;
        tree.owner.set(id);
        walk::spawn("ours", &tree.top, id)?.first().copied().ok_or_else(|| "it prints its time".into())
    });
    race.one("chown -R", Ok(()), |()| tree.chown(tree.owner.get() + 1));
    let [case] = race.run(rounds, [Case::new(title, "ms")])?;
    Ok(case.against("chown -R").budget("stepdown", &Limit::Times(0.83, "chown -R")))
}

fn some_wrong(tree: &Tree, rounds: usize, title: &str) -> Outcome<Case> {
    tree.all_of(RIGHT)?;
    let mut race = Race::default();
    race.one("stepdown", Ok(()), |()| {
        tree.spoil()?;
        walk::spawn("ours", &tree.top, RIGHT)?.first().copied().ok_or_else(|| "it prints its time".into())
    });
    race.one("chown -R", Ok(()), |()| tree.spoil().and_then(|()| tree.chown(RIGHT)));
    let [case] = race.run(rounds, [Case::new(title, "ms")])?;
    Ok(case.against("chown -R"))
}

impl Tree {
    fn grow(bench: &Bench, shape: Shape, medium: Medium, count: usize) -> Outcome<Self> {
        let tree = Self { top: bench.place.path(medium), some: Vec::new(), owner: Cell::new(0) };
        let mut tree = tree;
        let directory_of = |at: usize| match shape {
            Shape::Usual => tree.top.join(format!("{:02}", at / 50 % 40)).join(format!("directory {}", at / 50)),
            Shape::Wide => tree.top.join(format!("{}", at % 10)),
            Shape::Deep => {
                let (chain, depth) = (at / 1000, at / 10 % 100);
                (0..=depth).fold(tree.top.join(chain.to_string()), |path, _| path.join("d"))
            }
        };
        let mut some = Vec::new();
        for at in 0..count {
            if at % 1000 == 0 {
                interrupt::check()?;
            }
            let directory = directory_of(at);
            let file = directory.join(format!("file {at}"));
            let made = File::create(&file);
            if made.is_err() {
                fs::create_dir_all(&directory)?;
                File::create(&file)?;
            }
            if at % 100 == 0 {
                some.push(file);
            }
        }
        tree.some = some;
        Ok(tree)
    }

    fn all_of(&self, id: u32) -> Outcome<()> {
        self.chown(id).map(drop)
    }

    fn chown(&self, id: u32) -> Outcome<f64> {
        let began = Instant::now();
        succeed(Command::new("chown").arg("-R").arg(format!("{id}:{id}")).arg(&self.top))?;
        self.owner.set(id);
        Ok(began.elapsed().as_secs_f64() * 1e3)
    }

    fn spoil(&self) -> Outcome<()> {
        Ok(self.some.iter().try_for_each(|file| chown(Path::new(file), Some(4242), Some(4242)))?)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.top).ok();
    }
}
