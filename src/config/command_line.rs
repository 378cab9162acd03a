//! A line as a shell's user writes it → its words. A line with anything that only a shell can do (variables, patterns,
//! redirections, several commands) has none. Text in, words out.

/// What a shell takes for itself outside of quotes.
const SPECIAL: &str = "$`*?[];&|<>(){}~#!\n";

/// Returns the words of a line without anything special outside of single quotes.
pub fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        '\'' => break,
                        inner => word.push(inner),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        '"' => break,
                        // What `\` means there depends on the next letter.
                        '$' | '`' | '\\' | '!' => return None,
                        inner => word.push(inner),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(letters.next().filter(|next| *next != '\n')?),
            special if SPECIAL.contains(special) => return None,
            plain => word.get_or_insert_default().push(plain),
        }
    }
    words.extend(word);
    Some(words)
}

/// Returns a word as a shell reads it as one.
pub fn in_shell(word: &str) -> String {
    if is_plain(word) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// Returns whether a shell takes a word as it is, without quotes.
pub fn is_plain(word: &str) -> bool {
    let is_special = |letter: char| letter.is_whitespace() || SPECIAL.contains(letter) || "'\"\\".contains(letter);
    !word.is_empty() && !word.contains(is_special)
}
