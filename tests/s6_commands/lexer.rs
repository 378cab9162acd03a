//! The lexer beside execlineb's own, with scripts from a seed.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

use stepdown::execline::lex;

use super::both::{Case, as_the_originals, original};
use crate::support::engine::rng::Rng;

/// More of these than of others: what the lexer decides by.
const LETTERS: &[u8] = b"ab#\"\\{} \n\t0127x89fFnrt$\xc3\x01";
const SCRIPTS: u64 = 1200;

fn script(seed: u64) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    let length = rng.below(24);
    (0..length).map(|_| rng.pick(LETTERS)).collect()
}

/// The words as printf(1) is given them, or the message.
fn by_execlineb(program: &Path, script: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let text = [b"printf \"%s\\\\0\" ", script].concat();
    let output = Command::new(program).arg("-Pc").arg(std::ffi::OsStr::from_bytes(&text)).output().unwrap();
    if output.status.success() {
        let mut words: Vec<_> = output.stdout.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
        words.pop();
        return Ok(words);
    }
    assert_eq!(output.status.code(), Some(100), "{}", String::from_utf8_lossy(&text));
    Err(String::from_utf8_lossy(&output.stderr).trim_end().replace("execlineb: fatal: ", ""))
}

fn by_us(script: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let words = lex(&[b"printf \"%s\\\\0\" ", script].concat());
    let mut words = words.map_err(|error| error.kind.as_execlineb().to_owned())?.split_off(2);
    if words.is_empty() {
        // What printf prints without an argument.
        words.push(Vec::new());
    }
    Ok(words)
}

#[test]
fn scripts_from_a_seed_are_the_words_that_execlineb_makes_of_them() {
    let Some(program) = original("execlineb") else { return };
    let mut compared = 0;
    for seed in 0..SCRIPTS {
        let script = script(seed);
        let (expected, found) = (by_execlineb(&program, &script), by_us(&script));
        assert_eq!(found, expected, "seed {seed}: {}", script.escape_ascii());
        compared += usize::from(expected.is_ok());
    }
    assert!(compared > 200, "only {compared} scripts were valid");
}

/// What scripts are made of: blocks, comments, quotes, each kind of escape, and what is nearly one of them.
const FRAGMENTS: [&str; 26] = [
    "a",
    " ",
    "\n",
    "b c ",
    "{ ",
    " }",
    " } ",
    " { x } ",
    "{}",
    "{a",
    "# no }\n",
    " # { \"\n",
    "x#y",
    "\"a b\"",
    "\"\"",
    "\"\\0x41\"",
    "\"\\0x4g\"",
    "\"\\0101\"",
    "\"\\65b\"",
    "\"\\256\"",
    "\"\\n\\t\\\\\"",
    "\"a\\\nb\"",
    "\\ ",
    "\\\n",
    "\\{",
    "\"{ }\"",
];

#[test]
fn scripts_of_fragments_are_the_words_that_execlineb_makes_of_them() {
    let Some(program) = original("execlineb") else { return };
    let (mut valid, mut used) = (0, [0; FRAGMENTS.len()]);
    for seed in 0..600 {
        let mut rng = Rng::new(seed);
        let chosen: Vec<usize> =
            (0..=rng.below(7)).map(|_| rng.pick(&std::array::from_fn::<usize, 26, _>(|at| at))).collect();
        let script: String = chosen.iter().map(|at| FRAGMENTS[*at]).collect();
        let (expected, found) = (by_execlineb(&program, script.as_bytes()), by_us(script.as_bytes()));
        assert_eq!(found, expected, "seed {seed}: {script:?}");
        if expected.is_ok() {
            valid += 1;
            chosen.iter().for_each(|at| used[*at] += 1);
        }
    }
    assert!(valid > 150, "only {valid} scripts were valid");
    // It is wrong wherever it stands.
    let never: Vec<_> = FRAGMENTS.iter().zip(used).filter(|(_, count)| *count == 0).map(|(text, _)| *text).collect();
    assert_eq!(never, ["\"\\256\""], "of no valid script");
}

/// What words with variables are made of.
const PARTS: [&str; 14] =
    ["$a", "${a}", "$b", "${b}", "${none}", "${empty}", "$", "{", "}", "\\", "x", " ", "${a", "${sub}"];

#[test]
fn words_from_a_seed_are_substituted_as_multisubstitute_does() {
    let words: Vec<Vec<String>> = (0..150)
        .map(|seed| {
            let mut rng = Rng::new(seed);
            (0..4).map(|_| (0..=rng.below(5)).map(|_| rng.pick(&PARTS)).collect()).collect()
        })
        .collect();
    let block = [
        " define", " a", " 1", " define", " -sd,", " b", " x,y,", " define", " -s", " none", " ", " define", " empty",
        " ", " define", " sub", " ${a}", "",
    ];
    let argvs: Vec<Vec<&str>> = words
        .iter()
        .map(|words| {
            let words = words.iter().map(String::as_str);
            ["multisubstitute"].into_iter().chain(block).chain(["printf", "<%s>"]).chain(words).collect()
        })
        .collect();
    as_the_originals(&argvs.iter().map(|argv| Case { argv, ..Case::default() }).collect::<Vec<_>>());
}
