//! Which files name each other in a circle. A path leads to the file that defines what it names, through whatever passes it
//! on by `pub use`.

use std::collections::{BTreeMap, BTreeSet};

use stepdown::config::topology;

use super::code::first_word;

/// `["run", "probe"]` for `run/probe/mod.rs`.
type Module = Vec<String>;

/// The paths that a file names, and what it passes on, by its name.
#[derive(Default)]
struct Names {
    paths: Vec<Module>,
    passed_on: BTreeMap<String, Module>,
}

/// Returns the circles of these files: their paths below `src` and their code.
pub fn cycles<'a>(files: impl Iterator<Item = (String, &'a str)>) -> Vec<String> {
    let all: BTreeMap<Module, Names> = files.map(|(path, code)| (module_of(&path), names(code))).collect();
    let leads_to = |module: &Module| -> BTreeSet<&Module> {
        let targets = all.get(module).into_iter().flat_map(|names| &names.paths);
        targets.filter_map(|path| target(&all, module, path, 8)).filter(|target| *target != module).collect()
    };
    let edges: BTreeMap<&Module, BTreeSet<&Module>> = all.keys().map(|module| (module, leads_to(module))).collect();
    let needs = |module: &Module| edges.get(module).into_iter().flatten().copied().collect::<Vec<_>>().into_iter();
    let cycles = topology::sort(all.keys(), needs, 20).cycles;
    let names = |cycle: Vec<&Module>| cycle.iter().map(|module| module.join("/")).collect::<Vec<_>>().join(" → ");
    cycles.into_iter().map(names).collect()
}

fn module_of(path: &str) -> Module {
    let parts = path.trim_end_matches(".rs").split('/').map(str::to_owned);
    parts.filter(|part| part != "mod" && part != "lib").collect()
}

/// What a file names outside of its tests.
fn names(code: &str) -> Names {
    let mut found = Names::default();
    let mut rest = String::new();
    for statement in without_tests(code).split_inclusive([';', '{', '}']) {
        rest.push_str(statement);
        if in_use(&rest) && !rest.ends_with(';') {
            continue;
        }
        if let Some((is_public, tree)) = use_tree(&rest) {
            let mut paths = Vec::new();
            expand(&[], tree, &mut paths);
            for path in paths {
                match path.last() {
                    Some(name) if is_public => drop(found.passed_on.insert(name.clone(), path)),
                    _ => found.paths.push(path),
                }
            }
        } else {
            found.paths.extend(paths_of(&rest));
        }
        rest.clear();
    }
    found
}

/// Tests stand last, in a module of their own.
fn without_tests(code: &str) -> &str {
    let is_tests = |(index, _): &(usize, &str)| {
        let after = code[*index..].lines().skip(1).find(|line| !line.trim_start().starts_with("#["));
        after.is_some_and(|line| line.starts_with("mod ") && line.trim_end().ends_with('{'))
    };
    code.match_indices("#[cfg(test)]").find(is_tests).map_or(code, |(index, _)| &code[..index])
}

fn in_use(text: &str) -> bool {
    use_start(text).is_some()
}

/// Returns whether it is public, and what follows `use`.
fn use_start(text: &str) -> Option<(bool, &str)> {
    let text = text.trim_start();
    match text.strip_prefix("pub") {
        Some(rest) => {
            let rest = rest.trim_start();
            let rest = if rest.starts_with('(') { rest.split_once(')')?.1 } else { rest };
            Some((true, rest.trim_start().strip_prefix("use ")?))
        }
        None => Some((false, text.strip_prefix("use ")?)),
    }
}

fn use_tree(text: &str) -> Option<(bool, &str)> {
    use_start(text).map(|(is_public, tree)| (is_public, tree.trim_end_matches(';')))
}

/// Adds the paths of a tree such as `a::{b, c::{self, D as E}}`.
fn expand(prefix: &[String], tree: &str, paths: &mut Vec<Module>) {
    let (head, group) = match tree.split_once('{') {
        Some((head, group)) => (head, group.trim_end().strip_suffix('}')),
        None => (tree.split(" as ").next().unwrap_or_default(), None),
    };
    let names = head.split("::").map(str::trim).filter(|name| !name.is_empty() && !["self", "*"].contains(name));
    // `self` at the beginning means the file itself, and at the end what is before it.
    let is_own = prefix.is_empty() && head.trim_start().starts_with("self::");
    let own = is_own.then(|| "self".to_owned());
    let path: Module = prefix.iter().cloned().chain(own).chain(names.map(str::to_owned)).collect();
    let Some(group) = group else { return paths.push(path) };
    let (mut depth, mut start) = (0, 0);
    for (index, letter) in group.char_indices().chain([(group.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let member = group.get(start..index).unwrap_or_default();
                if !member.trim().is_empty() {
                    expand(&path, member, paths);
                }
                start = index + 1;
            }
            _ => {}
        }
    }
}

/// The paths in other code: `super::x`, `crate::a::b`, `child::x`. Not those of visibilities, `pub(in crate::a)`.
fn paths_of(code: &str) -> Vec<Module> {
    let mut paths = Vec::new();
    let mut before = "";
    for word in code.split(|letter: char| !(letter.is_alphanumeric() || "_:".contains(letter))) {
        let word = word.trim_end_matches(':');
        if word.contains("::") && !word.starts_with(':') && before != "in" {
            paths.push(word.split("::").map(str::to_owned).collect());
        }
        before = word;
    }
    paths
}

/// Returns the file that defines what `path` names in `module`; `None`: it is none of ours.
fn target<'a>(all: &'a BTreeMap<Module, Names>, module: &Module, path: &Module, left: u32) -> Option<&'a Module> {
    let mut place: Module = module.clone();
    let mut rest = path.iter();
    match rest.as_slice().first()?.as_str() {
        "crate" => {
            place.clear();
            rest.next();
        }
        "self" => drop(rest.next()),
        "super" => {
            while rest.as_slice().first().is_some_and(|name| name == "super") {
                place.pop();
                rest.next();
            }
        }
        first => {
            let child: Module = place.iter().cloned().chain([first.to_owned()]).collect();
            all.get(&child)?;
        }
    }
    while let Some(name) = rest.as_slice().first() {
        let child: Module = place.iter().cloned().chain([name.clone()]).collect();
        if !all.contains_key(&child) {
            break;
        }
        place = child;
        rest.next();
    }
    let (found, names) = all.get_key_value(&place)?;
    let name = rest.as_slice().first().map(|name| first_word(name));
    match name.and_then(|name| names.passed_on.get(&name)).filter(|_| left > 0) {
        Some(further) => target(all, &place, further, left - 1).or(Some(found)),
        None => Some(found),
    }
}

#[test]
fn a_circle_is_found_through_what_is_passed_on() {
    let found = |files: &[(&str, &'static str)]| cycles(files.iter().map(|(path, code)| ((*path).to_owned(), *code)));
    let front = ("a/mod.rs", "mod b;\nmod c;\npub use b::{B, Other as Another};\n");
    let user = "use std::fmt;\nuse super::{self as a, B};\nfn f(_: a::B) {}\n";
    assert_eq!(found(&[front, ("a/b.rs", "struct B;\n"), ("a/c.rs", user)]), Vec::<String>::new());
    assert_eq!(found(&[front, ("a/b.rs", "use super::c::{\n    C,\n};\n"), ("a/c.rs", user)]), ["a/b → a/c"]);
    let inline = "fn f() -> super::c::C { super::c::g() }\n";
    assert_eq!(found(&[front, ("a/b.rs", inline), ("a/c.rs", user)]), ["a/b → a/c"]);
    let of_tests = "struct B;\n#[cfg(test)]\nmod tests {\n    use crate::a::c::C;\n}\n";
    assert_eq!(found(&[front, ("a/b.rs", of_tests), ("a/c.rs", user)]), Vec::<String>::new());
    let child = ("a/mod.rs", "mod b;\nstruct A;\nfn f() { b::g(); }\n");
    assert_eq!(found(&[child, ("a/b.rs", "pub(in crate::a) fn g() {}\n")]), Vec::<String>::new());
    assert_eq!(found(&[child, ("a/b.rs", "use crate::a::A;\n")]), ["a → a/b"]);
}
