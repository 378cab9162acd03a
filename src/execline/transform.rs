//! How the text of a variable becomes the values that it stands for (transform(7) of execline): fold delimiters, cut the last
//! one, split. Must not know where the text comes from.

/// What is done with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transform {
    /// Runs of delimiters count as their first one.
    pub crunch: bool,
    /// A delimiter at the end is cut; of a text that is split, what follows the last delimiter is dropped.
    pub chomp: bool,
    /// The text is a list.
    pub split: bool,
    /// What separates; if it is empty, a text that is split is a row of netstrings.
    pub delimiters: Vec<u8>,
}

impl Default for Transform {
    fn default() -> Self {
        Self { crunch: false, chomp: false, split: false, delimiters: b" \n\r\t".to_vec() }
    }
}

impl Transform {
    /// Returns the values of a text; `None` if it should be netstrings and is not.
    pub fn values(&self, text: &[u8]) -> Option<Vec<Vec<u8>>> {
        let is_delimiter = |byte: &u8| self.delimiters.contains(byte);
        let mut text = text.to_vec();
        if self.crunch {
            let mut was = false;
            text.retain(|byte| !std::mem::replace(&mut was, is_delimiter(byte)) || !is_delimiter(byte));
        }
        let has_end = self.chomp && text.last().is_some_and(is_delimiter);
        if has_end {
            text.pop();
        }
        if !self.split {
            return Some(vec![text]);
        }
        if self.delimiters.is_empty() {
            return netstrings(&text);
        }
        let mut values: Vec<Vec<u8>> = text.split(is_delimiter).map(<[u8]>::to_vec).collect();
        // What follows the last delimiter is no value if it is empty, or if a list must end with one.
        let is_whole = has_end || !self.chomp;
        if !is_whole || values.last().is_some_and(Vec::is_empty) {
            values.pop();
        }
        Some(values)
    }
}

/// Returns several values as one text: each with the delimiter behind it, or without one as netstrings. Split, it has the
/// values again.
pub fn join(values: &[Vec<u8>], delimiter: Option<u8>) -> Vec<u8> {
    let one = |value: &Vec<u8>| match delimiter {
        Some(delimiter) => [value, &[delimiter][..]].concat(),
        None => [format!("{}:", value.len()).as_bytes(), value, b","].concat(),
    };
    values.iter().flat_map(one).collect()
}

fn netstrings(mut text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut values = Vec::new();
    while !text.is_empty() {
        let colon = text.iter().position(|byte| *byte == b':')?;
        let length: usize = std::str::from_utf8(&text[..colon]).ok()?.parse().ok()?;
        let rest = &text[colon + 1..];
        values.push(rest.get(..length)?.to_vec());
        text = rest.get(length..)?.strip_prefix(b",")?;
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(options: &str, text: &str) -> Option<String> {
        let transform = Transform {
            crunch: options.contains('C'),
            chomp: options.contains('n'),
            split: options.contains('s'),
            delimiters: if options.contains('0') { Vec::new() } else { b" \n\r\t".to_vec() },
        };
        let join =
            |values: Vec<Vec<u8>>| values.iter().map(|it| String::from_utf8_lossy(it).into_owned() + "|").collect();
        transform.values(text.as_bytes()).map(join)
    }

    #[test]
    fn a_text_is_folded_cut_and_split_as_asked() {
        let cases = [
            ("", " a  b \n", " a  b \n|"),
            ("n", "a b \n", "a b |"),
            ("C", "a  b \n", "a b |"),
            ("s", "a b  c ", "a|b||c|"),
            ("s", "", ""),
            ("s", " ", "|"),
            ("sC", " a  b", "|a|b|"),
            ("sn", "a b ", "a|b|"),
            ("sn", "a b", "a|"),
            ("sn", "a", ""),
            ("s0", "1:a,3:b,c,", "a|b,c|"),
        ];
        for (options, text, expected) in cases {
            assert_eq!(values(options, text).as_deref(), Some(expected), "-{options} {text}");
        }
        for text in ["a", "1:a", "2:a,", "x:a,"] {
            assert_eq!(values("s0", text), None, "{text}");
        }
    }
}
