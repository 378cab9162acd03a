//! The arguments of a script in the environment: `#`, `0`, `1` … An inner script's push an outer one's aside, as `1:1`,
//! `1:2` …, and emptyenv(1) takes them back. Entries are `NAME=value`, as in environ(7). Must not know who has an
//! environment.

/// The names of a script's arguments begin with one of these.
pub const ARGUMENTS: [&[u8]; 11] = [b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9", b"#"];

/// Moves every variable whose name begins with one of these one level away: `X` becomes `X:1`, and `X:1` becomes `X:2`.
pub fn push(environment: &[Vec<u8>], beginnings: &[&[u8]]) -> Vec<Vec<u8>> {
    let moved = |entry: &Vec<u8>| match ArgumentLevel::of(entry, beginnings) {
        Some(level) => level.entry(level.number.checked_add(1).unwrap_or(level.number)),
        None => entry.clone(),
    };
    environment.iter().map(moved).collect()
}

/// Moves every such variable one level back; what has none is removed.
pub fn pop(environment: &[Vec<u8>], beginnings: &[&[u8]]) -> Vec<Vec<u8>> {
    let moved = |entry: &Vec<u8>| match ArgumentLevel::of(entry, beginnings) {
        Some(ArgumentLevel { number: 0, is_written: false, .. }) => None,
        // `X:0` is no level that this module writes.
        Some(ArgumentLevel { number: 0, .. }) | None => Some(entry.clone()),
        Some(level) => Some(level.entry(level.number - 1)),
    };
    environment.iter().filter_map(moved).collect()
}

struct ArgumentLevel<'a> {
    name: &'a [u8],
    number: u32,
    is_written: bool,
    /// From the `=` on.
    value: &'a [u8],
}

impl<'a> ArgumentLevel<'a> {
    /// `None` for a variable of another kind, or with something else behind its colon.
    fn of(entry: &'a [u8], beginnings: &[&[u8]]) -> Option<Self> {
        if !beginnings.iter().any(|beginning| entry.starts_with(beginning)) {
            return None;
        }
        let equal = entry.iter().position(|byte| *byte == b'=')?;
        let (name, value) = entry.split_at(equal);
        let Some(colon) = name.iter().position(|byte| *byte == b':') else {
            return Some(Self { name, number: 0, is_written: false, value });
        };
        let digits = &name[colon + 1..];
        let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        let number = is_number.then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()?;
        Some(Self { name: &name[..colon], number, is_written: true, value })
    }

    fn entry(&self, number: u32) -> Vec<u8> {
        match number {
            0 => [self.name, self.value].concat(),
            number => [self.name, b":", number.to_string().as_bytes(), self.value].concat(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Vec<Vec<u8>> {
        text.split_whitespace().map(|entry| entry.as_bytes().to_vec()).collect()
    }

    #[test]
    fn levels_are_counted_behind_a_colon() {
        let before = entries("A=1 #=2 0=x 1=y #:1=5 1:7=z 1:b=c");
        let after = entries("A=1 #:1=2 0:1=x 1:1=y #:2=5 1:8=z 1:b=c");
        assert_eq!(push(&before, &ARGUMENTS), after);
        assert_eq!(pop(&after, &ARGUMENTS), before);
    }

    #[test]
    fn what_is_at_the_innermost_level_goes() {
        assert_eq!(pop(&entries("A=1 #=2 1:0=x ELGETOPT_a=b"), &ARGUMENTS), entries("A=1 1:0=x ELGETOPT_a=b"));
        assert_eq!(pop(&entries("#=2 ELGETOPT_a=b"), &[b"ELGETOPT_"]), entries("#=2"));
    }
}
