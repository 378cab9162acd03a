//! Commands that replace variables in the rest of the vector: `define`, `importas`, `import`, `multidefine`,
//! `elgetpositionals`, `elglob`, and several at once with `multisubstitute`.

use nix::errno::Errno;

use super::glob::{self, Globbing};
use crate::execline::substitute::{Substitution, substitute};
use crate::execline::transform::{Transform, join};
use crate::s6_commands::call::{Argument, Call, CommandResult, number};
use crate::s6_commands::failure::{Failure, errno_text};
use crate::text::shown_bytes;

/// What directives have come to.
#[derive(Default)]
struct Substitutions {
    variables: Vec<Substitution>,
    /// Names to be removed from the environment.
    removed: Vec<Argument>,
}

/// Why a directive is wrong; each word prints it in its own way.
enum Wrong {
    Syntax,
    /// The name is empty or was used before.
    Key,
    EmptyBlock,
    /// The system refused something, or a value is no row of netstrings (EINVAL).
    Refused(Errno),
    Said(Failure),
}

impl From<Failure> for Wrong {
    fn from(failure: Failure) -> Self {
        Self::Said(failure)
    }
}

type Directive = fn(&mut Call, &mut Substitutions) -> Result<(), Wrong>;

const DIRECTIVES: [(&str, Directive); 6] = [
    ("define", read_define),
    ("importas", read_importas),
    ("elglob", read_elglob),
    ("elgetpositionals", read_positionals),
    ("multidefine", read_multidefine),
    ("import", read_import),
];

pub(in crate::s6_commands) fn define(call: Call) -> CommandResult {
    alone(call, read_define, "define [ -N | -n ] [ -s ] [ -C | -c ] [ -d delim ] key value prog...")
}

pub(in crate::s6_commands) fn importas(call: Call) -> CommandResult {
    let synopsis = "importas [ -i | -D default ] [ -u ] [ -N | -n ] [ -s ] [ -C | -c ] [ -d delim ] key var prog...";
    alone(call, read_importas, synopsis)
}

pub(in crate::s6_commands) fn import(call: Call) -> CommandResult {
    let synopsis = "import [ -i | -D default ] [ -u ] [ -N | -n ] [ -s ] [ -C | -c ] [ -d delim ] var prog...";
    alone(call, read_import, synopsis)
}

pub(in crate::s6_commands) fn multidefine(call: Call) -> CommandResult {
    let synopsis = "multidefine [ -0 ] [ -r ] [ -N | -n ] [ -C | -c ] [ -d delim ] value { vars... } prog...";
    alone(call, read_multidefine, synopsis)
}

pub(in crate::s6_commands) fn elglob(call: Call) -> CommandResult {
    alone(call, read_elglob, "elglob [ -v ] [ -w ] [ -s ] [ -m ] [ -e ] [ -0 ] [ -n ] [ -d delim ] key pattern prog...")
}

pub(in crate::s6_commands) fn elgetpositionals(call: Call) -> CommandResult {
    alone(call, read_positionals, "elgetpositionals [ -P num ] prog...")
}

fn alone(mut call: Call, directive: Directive, synopsis: &str) -> CommandResult {
    let mut found = Substitutions::default();
    directive(&mut call, &mut found).map_err(|wrong| match wrong {
        Wrong::Syntax => Failure::usage(synopsis),
        Wrong::Key => Failure::fatal(111, "bad substitution key"),
        Wrong::EmptyBlock => Failure::wrong("empty block"),
        Wrong::Refused(errno) => Failure::unable("complete exlsn function", errno),
        Wrong::Said(failure) => failure,
    })?;
    run(call, &found)
}

/// Replaces the variables of all directives of a block at once, so that no value is substituted again.
pub(in crate::s6_commands) fn multisubstitute(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "see http://skarnet.org/software/execline/multisubstitute.html";
    if call.arguments.is_empty() {
        return Err(Failure::usage(SYNOPSIS));
    }
    let block = call.ended_block("block")?;
    if call.arguments.is_empty() {
        return Err(Failure::usage(SYNOPSIS));
    }
    let mut found = Substitutions::default();
    let mut inner = call.within(block);
    while !inner.arguments.is_empty() {
        let word = inner.arguments.remove(0);
        let Some((name, directive)) = DIRECTIVES.iter().find(|(name, _)| name.as_bytes() == word) else {
            let what = format!("syntax error: unrecognized directive {}", shown_bytes(&word));
            return Err(Failure::wrong(what));
        };
        directive(&mut inner, &mut found).map_err(|wrong| match wrong {
            Wrong::Syntax => Failure::wrong(format!("syntax error at directive {name}")),
            Wrong::Key => Failure::wrong(format!("wrong key for directive {name}")),
            Wrong::EmptyBlock => Failure::fatal(111, format!("unknown error with directive {name}")),
            Wrong::Refused(errno) => Failure::unable(format!("run directive {name}"), errno),
            Wrong::Said(failure) => failure,
        })?;
    }
    run(call, &found)
}

fn run(mut call: Call, found: &Substitutions) -> CommandResult {
    let mut environment = call.environment.clone();
    found.removed.iter().for_each(|name| environment.unset(name));
    call.arguments = substitute(&call.arguments, &found.variables);
    call.exec_with(&environment)
}

impl Substitutions {
    /// Adds a variable.
    fn add(&mut self, name: Argument, values: Vec<Argument>) -> Result<(), Wrong> {
        self.check(&name)?;
        self.variables.push(Substitution { name, values });
        Ok(())
    }

    fn check(&self, name: &[u8]) -> Result<(), Wrong> {
        let is_used = name.is_empty() || self.variables.iter().any(|variable| variable.name == name);
        if is_used { Err(Wrong::Key) } else { Ok(()) }
    }
}

/// Reads options; those that say how a value is transformed go to `transform`, the others are returned.
fn options(call: &mut Call, known: &str, transform: &mut Transform) -> Result<Vec<(u8, Argument)>, Wrong> {
    let mut others = Vec::new();
    for (letter, value) in call.options(known, "").map_err(|_| Wrong::Syntax)? {
        match letter {
            b'N' => transform.chomp = false,
            b'n' => transform.chomp = true,
            b's' => transform.split = true,
            b'C' => transform.crunch = true,
            b'c' => transform.crunch = false,
            b'd' => transform.delimiters = value,
            letter => others.push((letter, value)),
        }
    }
    Ok(others)
}

fn take_arguments<const N: usize>(call: &mut Call) -> Result<[Argument; N], Wrong> {
    if call.arguments.len() < N {
        return Err(Wrong::Syntax);
    }
    let taken: Vec<Argument> = call.arguments.drain(..N).collect();
    taken.try_into().map_err(|_| Wrong::Syntax)
}

fn read_define(call: &mut Call, found: &mut Substitutions) -> Result<(), Wrong> {
    let mut transform = Transform::default();
    options(call, "NnsCcd:", &mut transform)?;
    let [key, value] = take_arguments(call)?;
    let values = transform.values(&value).ok_or(Wrong::Refused(Errno::EINVAL))?;
    found.add(key, values)
}

fn read_importas(call: &mut Call, found: &mut Substitutions) -> Result<(), Wrong> {
    let (transform, import) = import_options(call, "SiuD:NnsCcd:")?;
    let [key, variable] = match import.has_own_name {
        true => take_arguments::<1>(call).map(|[name]| [name.clone(), name])?,
        false => take_arguments(call)?,
    };
    read_variable(call, found, &transform, import, (key, variable))
}

/// Of execline before 2.9: the variable is known by its own name.
fn read_import(call: &mut Call, found: &mut Substitutions) -> Result<(), Wrong> {
    let (transform, import) = import_options(call, "iuD:NnsCcd:")?;
    let [variable] = take_arguments(call)?;
    read_variable(call, found, &transform, import, (variable.clone(), variable))
}

#[derive(Default)]
struct Import {
    /// The variable is known by the name that it has in the environment (`-S`, since execline 2.9.6).
    has_own_name: bool,
    must_exist: bool,
    is_removed: bool,
    default: Option<Argument>,
}

fn import_options(call: &mut Call, known: &str) -> Result<(Transform, Import), Wrong> {
    let (mut transform, mut import) = (Transform::default(), Import::default());
    for (letter, value) in options(call, known, &mut transform)? {
        match letter {
            b'S' => import.has_own_name = true,
            b'i' => import.must_exist = true,
            b'u' => import.is_removed = true,
            _ => import.default = Some(value),
        }
    }
    Ok((transform, import))
}

fn read_variable(
    call: &Call,
    found: &mut Substitutions,
    transform: &Transform,
    import: Import,
    (key, variable): (Argument, Argument),
) -> Result<(), Wrong> {
    let value = call.environment.get(&variable);
    if value.is_some() && import.is_removed {
        found.removed.push(variable.clone());
    }
    if value.is_none() && import.must_exist {
        return Err(Failure::wrong(format!("{} not set", shown_bytes(&variable))).into());
    }
    let values = match value.or(import.default.as_deref()) {
        None => Vec::new(),
        Some(value) => transform.values(value).ok_or(Wrong::Refused(Errno::EINVAL))?,
    };
    found.add(key, values)
}

/// Splits a value into several variables.
fn read_multidefine(call: &mut Call, found: &mut Substitutions) -> Result<(), Wrong> {
    let mut transform = Transform { split: true, ..Transform::default() };
    let others = options(call, "0rNnCcd:", &mut transform)?;
    let has = |letter| others.iter().any(|(one, _)| *one == letter);
    let [value] = take_arguments(call)?;
    if call.arguments.is_empty() {
        return Err(Wrong::Syntax);
    }
    let Some(names) = call.block()? else { return Err(Wrong::Syntax) };
    if names.is_empty() {
        return Err(Wrong::EmptyBlock);
    }
    let values = transform.values(&value).ok_or(Wrong::Refused(Errno::EINVAL))?;
    let last = names.len() - 1;
    for (index, name) in names.into_iter().enumerate() {
        let own = match values.get(index) {
            // As read(1): the last one gets all that is left.
            Some(_) if index == last && has(b'r') => values.get(index..).unwrap_or_default().to_vec(),
            Some(value) => vec![value.clone()],
            None if has(b'0') => Vec::new(),
            None => vec![Argument::new()],
        };
        if !name.is_empty() {
            found.add(name, own)?;
        }
    }
    Ok(())
}

/// The files that a pattern matches; without any the pattern itself.
fn read_elglob(call: &mut Call, found: &mut Substitutions) -> Result<(), Wrong> {
    let (mut globbing, mut warns, mut sorts, mut keeps_pattern) = (Globbing::default(), false, false, true);
    let (mut has_no_last_delimiter, mut delimiter) = (false, None);
    for (letter, value) in call.options("vwsme0nd:", "").map_err(|_| Wrong::Syntax)? {
        match letter {
            b'v' => warns = true,
            b'w' => globbing.is_strict = true,
            b's' => sorts = true,
            b'm' => globbing.marks = true,
            b'e' => globbing.has_no_escapes = true,
            b'n' => has_no_last_delimiter = true,
            b'd' => delimiter = Some(value),
            _ => keeps_pattern = false,
        }
    }
    let [key, pattern] = take_arguments(call)?;
    found.check(&key)?;
    let warn = |place: &[u8], errno| {
        if warns {
            call.warn(format!("while globbing, error reading {}: {}", shown_bytes(place), errno_text(errno)));
        }
    };
    let mut files = glob::matches(&pattern, globbing, warn).map_err(Wrong::Refused)?;
    if sorts {
        files.sort_unstable();
    }
    if files.is_empty() && keeps_pattern {
        files.push(pattern);
    }
    if let Some(delimiter) = delimiter {
        let first = delimiter.first().copied();
        let mut joined = join(&files, first);
        if has_no_last_delimiter && first.is_some() {
            joined.pop();
        }
        files = vec![joined];
    }
    found.add(key, files)
}

/// `$#`, `$0`, `$1` … and `$@` from the environment.
fn read_positionals(call: &mut Call, found: &mut Substitutions) -> Result<(), Wrong> {
    let mut least = 0;
    for (_, value) in call.options("P:", "").map_err(|_| Wrong::Syntax)? {
        least = number(&value).ok_or(Wrong::Syntax)?;
    }
    let value = |name: &str| call.environment.get(name.as_bytes()).map(<[u8]>::to_vec);
    let count = value("#").ok_or(Wrong::Key)?;
    let given = number(&count).ok_or(Wrong::Key)?;
    let strict = call.environment.get(b"EXECLINE_STRICT").and_then(number).unwrap_or_default();
    if strict > 0 && given < least {
        let what = format!("too few arguments: expected at least {least} but got {given}");
        if strict > 1 {
            return Err(Failure::wrong(what).into());
        }
        call.warn(what);
    }
    found.add(b"#".to_vec(), vec![count])?;
    let mut all = Vec::new();
    for index in 0..=given.max(least) {
        let name = index.to_string();
        let word = if index <= given { value(&name).ok_or(Wrong::Key)? } else { Argument::new() };
        if index > 0 && index <= given {
            all.push(word.clone());
        }
        found.add(name.into_bytes(), vec![word])?;
    }
    found.add(b"@".to_vec(), all)
}
