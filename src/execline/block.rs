//! Blocks of an argument vector: the words up to the empty one, each with one space in front. Must not know what a block is
//! for.

/// A vector split behind its first block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The words of the block, one level less deep.
    pub block: Vec<Vec<u8>>,
    /// What follows the block.
    pub rest: Vec<Vec<u8>>,
    /// The words of the block that have no space in front, by position: an argument vector that was not made by the lexer.
    pub unquoted: Vec<usize>,
}

/// Splits a vector behind its first block; `None` if that does not end.
pub fn split(argv: &[Vec<u8>]) -> Option<Split> {
    let end = argv.iter().position(Vec::is_empty)?;
    let (block, rest) = argv.split_at(end);
    let unquoted = block.iter().enumerate().filter(|(_, word)| !word.starts_with(b" ")).map(|(at, _)| at).collect();
    let unquote = |word: &Vec<u8>| word.strip_prefix(b" ").unwrap_or(word).to_vec();
    Some(Split { block: block.iter().map(unquote).collect(), rest: rest[1..].to_vec(), unquoted })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execline::lex;

    fn argv(text: &str) -> Vec<Vec<u8>> {
        text.split('|').map(|word| word.as_bytes().to_vec()).collect()
    }

    #[test]
    fn a_block_ends_at_the_empty_word_of_its_level() {
        let text = lex(b"{ a { b } } c { d }").unwrap();
        let split = split(&text).unwrap();
        assert_eq!((split.block, split.rest, split.unquoted), (argv("a| b|"), argv("c| d|"), vec![]));
    }

    #[test]
    fn words_without_a_space_are_noted_and_an_open_block_is_none() {
        assert_eq!(split(&argv(" a|b||c")).unwrap().unquoted, [1]);
        assert_eq!(split(&argv(" a|b")), None);
        assert_eq!(split(&[]), None);
        assert_eq!(split(&argv("")).unwrap().block, Vec::<Vec<u8>>::new());
    }
}
