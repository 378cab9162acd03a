//! The lexer beside execlineb's own, with scripts from a seed.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

use stepdown::execline::lex;

use super::both::original;
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
