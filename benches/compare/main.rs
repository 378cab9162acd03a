//! stepdown beside other inits and supervisors, each as real PID 1 in fresh namespaces: one command, a table, and a JSON
//! file. `--help` lists the groups and options. Nothing here is a test: there is no limit that could fail.
//!
//! All of a comparison take turns within one run, so that whatever else the machine does hits them alike: ratios count.
#![allow(clippy::disallowed_methods)] // measures, and runs others to compare with

mod args;
mod bare_walk;
mod bench;
mod budget;
mod container;
mod groups;
mod interrupt;
mod machine;
mod page;
mod peers;
mod process;
mod race;
mod results;
mod rootfs;
mod samples;
mod table;
mod walk;
mod workplace;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use args::{Args, Wish};
use bench::Bench;
use results::{Group, Results};

/// What nearly everything here returns.
type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let done = match Args::parse(std::env::args().skip(1)) {
        Ok(Wish::Help(text)) => {
            println!("{text}");
            Ok(())
        }
        Ok(Wish::Walk(words)) => walk::run(&words).map(|printed| println!("{printed}")),
        Ok(Wish::Run(args)) => run(&args),
        Err(error) => Err(error),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cannot measure: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Outcome<()> {
    let results = match &args.from {
        Some(path) => serde_json::from_slice(&fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?)?,
        None => measure(args)?,
    };
    if let Some(path) = &args.page {
        write(path, &page::page(&results))?;
    }
    if args.from.is_some() {
        print!("{}", table::results(&results));
        return Ok(());
    }
    write(&args.json, &(serde_json::to_string_pretty(&results)? + "\n"))?;
    println!("{}\nresults: {}", table::budgets(&results.groups), args.json.display());
    Ok(())
}

fn write(path: &Path, text: &str) -> Outcome<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    Ok(fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?)
}

/// Measures group after group; each is printed when it is done.
fn measure(args: &Args) -> Outcome<Results> {
    if !nix::unistd::geteuid().is_root() {
        return Err("fresh PID and mount namespaces with a root of their own need root".into());
    }
    interrupt::listen()?;
    let begun = Instant::now();
    let bench = Bench::new(args)?;
    let mut results = Results { machine: machine::read(&bench), quick: args.quick, seconds: 0.0, groups: Vec::new() };
    print!("{}", table::machine(&results.machine));
    for kind in &args.groups {
        println!("\nmeasuring {}", kind.name);
        let begun = Instant::now();
        let mut cases = (kind.run)(&bench).map_err(|error| format!("{}: {error}", kind.name))?;
        if args.quick {
            // Budgets are for other sizes.
            cases.iter_mut().for_each(|case| case.verdicts.clear());
        }
        let (name, title) = (kind.name.to_owned(), kind.title.to_owned());
        let group = Group { name, title, seconds: begun.elapsed().as_secs_f64(), cases };
        print!("{}", table::group(&group));
        results.groups.push(group);
    }
    results.machine.load_after = machine::load();
    results.seconds = begun.elapsed().as_secs_f64();
    Ok(results)
}
