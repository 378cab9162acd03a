//! Substitution in an argument vector: `${VAR}` anywhere in a word, and `$VAR` where the name ends with the word or at one of
//! `\ $ { }`. A variable with several values makes several words of one, one with none makes none of it. Backslashes in
//! front of the `$`: half of them stay, and with an odd number the `$` is a letter. Must not know where values come from.

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Substitution {
    /// Its name.
    pub name: Vec<u8>,
    /// Its values.
    pub values: Vec<Vec<u8>>,
}

/// Returns the vector with every variable replaced by its values. Values are not substituted again.
pub fn substitute(argv: &[Vec<u8>], variables: &[Substitution]) -> Vec<Vec<u8>> {
    argv.iter().flat_map(|word| expand(&parse(word, variables))).collect()
}

/// A part of a word.
enum Part<'a> {
    Text(Vec<u8>),
    Values(&'a [Vec<u8>]),
}

/// Every combination of the values, the first variable's changing last.
fn expand(parts: &[Part<'_>]) -> Vec<Vec<u8>> {
    let mut words = vec![Vec::new()];
    for part in parts {
        match part {
            Part::Text(text) => words.iter_mut().for_each(|word| word.extend_from_slice(text)),
            Part::Values(values) => {
                let with = |word: &Vec<u8>| {
                    values.iter().map(|value| [word.as_slice(), value].concat()).collect::<Vec<Vec<u8>>>()
                };
                words = words.iter().flat_map(with).collect();
            }
        }
    }
    words
}

/// Where the parser is in a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ScanState {
    Text,
    /// Behind a `$`.
    Dollar,
    /// Behind `${`.
    Brace,
    /// In a name that began at this place of the word.
    Name {
        start: usize,
        braced: bool,
    },
}

struct WordParser<'a> {
    parts: Vec<Part<'a>>,
    /// The part that is not ended, with all characters of the name that is being read.
    text: Vec<u8>,
    /// Backslashes just before the present character or the `$` of the present name.
    backslashes: usize,
    state: ScanState,
}

fn parse<'a>(word: &[u8], variables: &'a [Substitution]) -> Vec<Part<'a>> {
    let mut parser = WordParser { parts: Vec::new(), text: Vec::new(), backslashes: 0, state: ScanState::Text };
    for (at, byte) in word.iter().enumerate() {
        parser.step(word, at, *byte, variables);
    }
    if let ScanState::Name { start, braced: false } = parser.state {
        parser.end_name(&word[start..], false, variables);
    }
    parser.parts.push(Part::Text(parser.text));
    parser.parts
}

impl<'a> WordParser<'a> {
    fn step(&mut self, word: &[u8], at: usize, byte: u8, variables: &'a [Substitution]) {
        let mut is_written = true;
        if let ScanState::Name { start, braced } = self.state
            && if braced { byte == b'}' } else { b"\\${}".contains(&byte) }
        {
            let is_value = self.end_name(&word[start..at], braced, variables);
            is_written = !(is_value && braced);
        }
        if is_written {
            self.text.push(byte);
        }
        let before = self.backslashes;
        self.backslashes = 0;
        self.state = match (self.state, byte) {
            (ScanState::Text, b'\\') => {
                self.backslashes = before + 1;
                ScanState::Text
            }
            (_, b'\\') => {
                self.backslashes = 1;
                ScanState::Text
            }
            (ScanState::Text, b'$') => {
                self.backslashes = before;
                ScanState::Dollar
            }
            (_, b'$') => ScanState::Dollar,
            (ScanState::Dollar, b'{') => {
                self.backslashes = before;
                ScanState::Brace
            }
            (_, b'{' | b'}') | (ScanState::Text, _) => ScanState::Text,
            (ScanState::Dollar | ScanState::Brace, _) => {
                self.backslashes = before;
                ScanState::Name { start: at, braced: self.state == ScanState::Brace }
            }
            (ScanState::Name { .. }, _) => {
                self.backslashes = before;
                self.state
            }
        };
    }

    /// Replaces the name at the end of the text, its `$` and its opening brace, if it is a variable's; returns whether the
    /// value stands there now.
    fn end_name(&mut self, name: &[u8], braced: bool, variables: &'a [Substitution]) -> bool {
        let Some(variable) = variables.iter().find(|variable| variable.name == name) else { return false };
        let dollar = self.text.len() - name.len() - 1 - usize::from(braced);
        let kept = dollar - self.backslashes.div_ceil(2);
        if self.backslashes % 2 == 1 {
            self.text.drain(kept..dollar);
            return false;
        }
        self.text.truncate(kept);
        self.parts.push(Part::Text(std::mem::take(&mut self.text)));
        self.parts.push(Part::Values(&variable.values));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn substituted(word: &str) -> String {
        let variable = |name: &str, values: &[&str]| Substitution {
            name: name.into(),
            values: values.iter().map(|value| value.as_bytes().to_vec()).collect(),
        };
        let variables = [variable("A", &["1"]), variable("B", &["x", "y"]), variable("N", &[]), variable("D", &["$A"])];
        let out = substitute(&[word.as_bytes().to_vec()], &variables);
        out.iter().map(|word| String::from_utf8_lossy(word).into_owned() + "|").collect()
    }

    #[test]
    fn a_name_in_braces_is_replaced_anywhere_and_a_bare_one_where_it_ends() {
        let cases = [
            ("a${A}b", "a1b|"),
            ("$A", "1|"),
            ("a$A", "a1|"),
            ("$Ab", "$Ab|"),
            ("$A/b", "$A/b|"),
            ("$A$A", "11|"),
            ("$A\\b", "1\\b|"),
            ("$A{b", "1{b|"),
            ("$A}b", "1}b|"),
            ("${A", "${A|"),
            ("${Z}", "${Z}|"),
            ("${}", "${}|"),
            ("$${A}", "$1|"),
            ("${A}${A}", "11|"),
            ("${D}", "$A|"),
            ("$", "$|"),
            ("", "|"),
        ];
        for (word, expected) in cases {
            assert_eq!(substituted(word), expected, "{word}");
        }
    }

    #[test]
    fn several_values_make_several_words_and_none_makes_none() {
        assert_eq!(substituted("a${B}b"), "axb|ayb|");
        assert_eq!(substituted("${B}${B}"), "xx|xy|yx|yy|");
        assert_eq!(substituted("${N}"), "");
        assert_eq!(substituted("a${N}${B}"), "");
    }

    #[test]
    fn half_of_the_backslashes_stay_and_an_odd_one_keeps_the_dollar() {
        let cases = [
            (r"\${A}", "${A}|"),
            (r"\\${A}", r"\1|"),
            (r"\\\${A}", r"\${A}|"),
            (r"\\\\${A}", r"\\1|"),
            (r"\$A", "$A|"),
            (r"\\$A", r"\1|"),
            (r"\${Z}", r"\${Z}|"),
            (r"\a${A}", r"\a1|"),
        ];
        for (word, expected) in cases {
            assert_eq!(substituted(word), expected, "{word}");
        }
    }
}
