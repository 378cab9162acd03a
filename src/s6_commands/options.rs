//! Options as skalibs' subgetopt(3) reads them: `-abc`, `-xVALUE`, `-x VALUE`; the first word that is no option ends them, and
//! so does `--`. Programs whose original has them by gol(3) take long ones too: `--NAME`, `--NAME=VALUE`. Must not know any
//! command's options.

/// Options in their order, each with its value (empty for a flag), and the index of the first operand.
pub type Parsed = (Vec<(u8, Vec<u8>)>, usize);

/// The same with no value for a flag.
pub type ParsedFlags = (Vec<(u8, Option<Vec<u8>>)>, usize);

/// A long option, and the letter that it stands for.
pub type LongOption = (&'static str, u8);

/// Why options are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// There is no such option.
    Unknown,
    /// The option lacks its value.
    NoValue,
}

/// Parses the options of a vector behind its first word. `known` has the letters, each with a `:` behind it if it takes a
/// value. `None`: one is unknown, or lacks its value.
pub fn parse(argv: &[Vec<u8>], known: &str, long: &[LongOption]) -> Option<Parsed> {
    let (found, at) = parse_known(argv, known.as_bytes(), long).ok()?;
    Some((found.into_iter().map(|(letter, value)| (letter, value.unwrap_or_default())).collect(), at))
}

/// The same with the letters of somebody else.
///
/// # Errors
/// One is unknown, or lacks its value.
pub fn parse_known(argv: &[Vec<u8>], known: &[u8], long: &[LongOption]) -> Result<ParsedFlags, Wrong> {
    let takes_value = |letter: u8| known.windows(2).any(|pair| pair == [letter, b':']);
    let mut found = Vec::new();
    let mut at = 1;
    while let Some(word) = argv.get(at) {
        let letters = match word.strip_prefix(b"-") {
            None | Some([]) => break,
            Some([b'-']) => {
                at += 1;
                break;
            }
            Some([b'-', name @ ..]) => {
                let mut parts = name.splitn(2, |byte| *byte == b'=');
                let (name, value) = (parts.next().unwrap_or_default(), parts.next());
                let named = long.iter().find(|(long, _)| long.as_bytes() == name).map(|(_, letter)| *letter);
                let letter = named.filter(|letter| takes_value(*letter) == value.is_some()).ok_or(Wrong::Unknown)?;
                found.push((letter, value.map(<[u8]>::to_vec)));
                at += 1;
                continue;
            }
            Some(letters) => letters,
        };
        at += 1;
        for (index, letter) in letters.iter().enumerate() {
            if *letter == b':' || !known.contains(letter) {
                return Err(Wrong::Unknown);
            }
            if !takes_value(*letter) {
                found.push((*letter, None));
                continue;
            }
            let value = match letters.get(index + 1..) {
                Some(rest) if !rest.is_empty() => rest.to_vec(),
                Some(_) | None => {
                    at += 1;
                    argv.get(at - 1).ok_or(Wrong::NoValue)?.clone()
                }
            };
            found.push((*letter, Some(value)));
            break;
        }
    }
    Ok((found, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &str) -> Option<(String, usize)> {
        let argv: Vec<Vec<u8>> = arguments.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        let (found, at) = parse(&argv, "ab:c", &[("all", b'a'), ("base", b'b')])?;
        let text =
            found.iter().map(|(letter, value)| format!("{}{};", char::from(*letter), String::from_utf8_lossy(value)));
        Some((text.collect(), at))
    }

    #[test]
    fn options_end_at_the_first_operand() {
        let some = |text: &str, at| Some((text.to_owned(), at));
        assert_eq!(parsed("x"), some("", 1));
        assert_eq!(parsed("x y -a"), some("", 1));
        assert_eq!(parsed("x -ac y"), some("a;c;", 2));
        assert_eq!(parsed("x -b1 -b 2 -abx y"), some("b1;b2;a;bx;", 5));
        assert_eq!(parsed("x -b -a y"), some("b-a;", 3));
        assert_eq!(parsed("x -a -- -c"), some("a;", 3));
        assert_eq!(parsed("x - -a"), some("", 1));
        assert_eq!(parsed("x --all --base=1=2 -c --base= y"), some("a;b1=2;c;b;", 5));
        for wrong in ["x -d", "x -b", "x --a", "x -:", "x -a-", "x --all=1", "x --base 1", "x --=1", "x ---"] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }
}
