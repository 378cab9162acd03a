//! A mutation: which code is replaced by which, and which tests must fail. Text in, text out.
//!
//! Code is named by what it says, wherever it stands: a file or a function may move or get another name.

use std::collections::BTreeMap;
use std::ops::Range;

use super::tokens::{Function, Token, functions, tokens};

/// The tokens of a function that a mutation replaces, and by what.
type Cut<'a> = (Range<usize>, &'a str);

/// A file of `.ci/mutations`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutation {
    pub name: String,
    /// The function that the code stands in, where it stands in several.
    pub function: Option<String>,
    /// It is replaced wherever it stands, not once.
    pub everywhere: bool,
    /// The tests that fail with it.
    pub fails: Vec<String>,
    pub old: String,
    pub new: String,
}

impl Mutation {
    /// Reads a mutation.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(name: &str, text: &str) -> Result<Self, String> {
        let (head, code) = text.split_once("<<<<\n").ok_or("it has no line `<<<<`")?;
        let (old, rest) = format!("\n{code}").split_once("\n====\n").map(owned).ok_or("it has no line `====`")?;
        let (new, after) =
            format!("\n{rest}").split_once("\n>>>>\n").map(owned).ok_or("it does not end with `>>>>`")?;
        if !after.is_empty() {
            return Err("something follows `>>>>`".to_owned());
        }
        // A comma after both is layout: rustfmt takes it away where it comes last.
        let (old, new) = match (old.trim_end().strip_suffix(','), new.trim_end().strip_suffix(',')) {
            (Some(old), Some(new)) => (old.to_owned(), new.to_owned()),
            _ => (old, new),
        };
        let mut mutation =
            Self { name: name.to_owned(), function: None, everywhere: false, fails: Vec::new(), old, new };
        for line in head.lines() {
            match line.split_once(' ') {
                Some(("in", function)) => mutation.function = Some(function.to_owned()),
                Some(("fails", test)) => mutation.fails.push(test.to_owned()),
                None if line == "everywhere" => mutation.everywhere = true,
                _ => return Err(format!("`{line}` is neither `in FUNCTION`, `fails TEST` nor `everywhere`")),
            }
        }
        match (mutation.fails.is_empty(), tokens(&mutation.old).is_empty()) {
            (true, _) => Err("it names no test".to_owned()),
            (false, true) => Err("it names no code".to_owned()),
            (false, false) => Ok(mutation),
        }
    }
}

fn owned((before, after): (&str, &str)) -> (String, String) {
    (before.to_owned(), after.to_owned())
}

/// A source file, and what was found in it.
#[derive(Debug)]
struct Source {
    text: String,
    tokens: Vec<Token>,
    functions: Vec<Function>,
}

/// The sources that mutations are applied to, by path.
#[derive(Debug)]
pub struct Sources(BTreeMap<String, Source>);

/// Where a mutation applies: a file, a function of it, and the tokens to replace.
#[derive(Debug)]
struct Place<'a> {
    path: &'a str,
    function: &'a Function,
    found: Range<usize>,
}

impl Sources {
    /// Takes sources by their paths. Unit tests, at the end of a file, are not looked at.
    pub fn new(texts: impl IntoIterator<Item = (String, String)>) -> Self {
        let source = |text: String| {
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            let tokens = tokens(code);
            let functions = functions(code, &tokens);
            Source { text, tokens, functions }
        };
        Self(texts.into_iter().map(|(path, text)| (path, source(text))).collect())
    }

    /// Returns where a mutation applies.
    fn places(&self, mutation: &Mutation) -> Vec<Place<'_>> {
        let old: Vec<&str> = tokens(&mutation.old).into_iter().map(|token| &mutation.old[token]).collect();
        let mut places = Vec::new();
        for (path, source) in &self.0 {
            let word = |at: usize| source.tokens.get(at).map(|token| &source.text[token.clone()]);
            let is_here =
                |at: &usize| old.iter().enumerate().all(|(more, word_of_old)| word(at + more) == Some(word_of_old));
            for at in (0..source.tokens.len()).filter(is_here) {
                let found = at..at + old.len();
                let around = |function: &&Function| function.body.start < found.start && found.end < function.body.end;
                // Of functions that contain each other the outer one comes first.
                let function = source.functions.iter().find(around);
                let function =
                    function.filter(|function| mutation.function.as_ref().is_none_or(|name| *name == function.name));
                places.extend(function.map(|function| Place { path, function, found }));
            }
        }
        places
    }

    /// Returns why a mutation does not apply.
    pub fn problem(&self, mutation: &Mutation) -> Option<String> {
        let places = self.places(mutation);
        match places.as_slice() {
            [] => Some("no function has such code".to_owned()),
            [_] => None,
            [..] if mutation.everywhere => None,
            [..] => {
                let list: Vec<_> =
                    places.iter().map(|place| format!("`{}` of {}", place.function.name, place.path)).collect();
                Some(format!(
                    "such code is in {}: name one by a line `in FUNCTION`, or say more of it",
                    list.join(" and ")
                ))
            }
        }
    }

    /// Returns the sources with all mutations in them, each behind its number: a function that has some begins with a
    /// `match` of `switch`, and has a whole body for each.
    pub fn with(&self, mutations: &[Mutation], switch: &str) -> BTreeMap<String, String> {
        // Of each function, by its place: its other bodies.
        let mut bodies: BTreeMap<(&str, usize, usize), BTreeMap<usize, Vec<Cut<'_>>>> = BTreeMap::new();
        for (number, mutation) in mutations.iter().enumerate() {
            for place in self.places(mutation) {
                let key = (place.path, place.function.body.start, place.function.body.end);
                let cut = (place.found, mutation.new.as_str());
                bodies.entry(key).or_default().entry(number).or_default().push(cut);
            }
        }
        let mut made = BTreeMap::new();
        for (path, source) in &self.0 {
            let mut text = source.text.clone();
            let here = bodies.range((path.as_str(), 0, 0)..).take_while(|((of, _, _), _)| of == path);
            // From the last to the first: what comes before keeps its place.
            for ((_, begin, end), others) in here.collect::<Vec<_>>().into_iter().rev() {
                let place = source.tokens[*begin].start..source.tokens[*end - 1].end;
                let mut arms = String::new();
                for (number, cuts) in others {
                    let mut body = source.text[place.clone()].to_owned();
                    for (found, new) in cuts.iter().rev() {
                        let cut = source.tokens[found.start].start..source.tokens[found.end - 1].end;
                        body.replace_range(cut.start - place.start..cut.end - place.start, new);
                    }
                    arms += &format!("{number} => {body}\n");
                }
                let body = format!("{{ match {switch} {{\n{arms}_ => {} }} }}", &source.text[place.clone()]);
                text.replace_range(place, &body);
            }
            made.insert(path.clone(), text);
        }
        made
    }
}
