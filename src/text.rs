//! The text of others in what we print: names, paths, values, answers. What could move a cursor, forge a line, turn the
//! direction of a line around or hide in it is escaped here, and nowhere else (SECURITY T30). Knows no other module.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Returns a name, a path or a value for printing: each letter that [`is_deceptive`] is spelled `\n`, `\u{202e}`, each
/// byte that is not UTF-8 `\xff`. Everything else is left as it is, letters of other alphabets too.
pub fn shown(text: &(impl AsRef<OsStr> + ?Sized)) -> String {
    shown_bytes(text.as_ref().as_bytes())
}

/// Returns bytes for printing, as [`shown`] does.
pub fn shown_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            push(letter, &mut out);
        }
        out.push_str(&chunk.invalid().escape_ascii().to_string());
    }
    out
}

/// Returns bytes of which only ASCII is expected, for printing: a full-width digit would otherwise be taken for the digit that it
/// looks like.
pub fn shown_ascii(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// Appends one letter, escaped if it has to be.
pub fn push(letter: char, out: &mut String) {
    if is_deceptive(letter) {
        out.extend(letter.escape_default());
    } else {
        out.push(letter);
    }
}

/// Returns JSON with the same letters escaped, which programs read back as they were. In JSON that a serializer has
/// written they stand in strings only; its own line breaks stay.
pub fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_deceptive(letter) && letter != '\n' {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(letter);
        }
    }
    out
}

/// Returns whether a reader could take it for something else: it is obeyed rather than read ([`is_instruction`]), or it
/// cannot be seen (`is_invisible`).
pub fn is_deceptive(letter: char) -> bool {
    is_instruction(letter) || is_invisible(letter)
}

/// Returns whether a terminal or a viewer obeys it: control characters (C0, DEL, C1), the marks that change the direction
/// of text (CVE-2021-42574), and the separators of lines and paragraphs.
pub fn is_instruction(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns whether it cannot be seen, or not be told from a space: Unicode's `Default_Ignorable_Code_Point`, interlinear
/// annotations, and every blank but the space. In running text of other languages some of them are at home, so lines of a
/// service's log pass with them.
fn is_invisible(letter: char) -> bool {
    let is_ignorable = matches!(
        letter,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    );
    let is_annotation = matches!(letter, '\u{fff9}'..='\u{fffb}');
    is_ignorable || is_annotation || (letter.is_whitespace() && letter != ' ') || letter == '\u{2800}'
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One letter of each class, and those at the ends of its ranges.
    const DECEPTIVE: [(&str, &str); 9] = [
        ("control characters", "\0\u{7}\t\n\r\u{1b}\u{1f}\u{7f}\u{80}\u{9b}\u{9f}"),
        ("bidirectional marks", "\u{61c}\u{200e}\u{200f}"),
        ("bidirectional embeddings and overrides", "\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}"),
        ("bidirectional isolates", "\u{2066}\u{2067}\u{2068}\u{2069}"),
        ("line and paragraph separators", "\u{85}\u{2028}\u{2029}"),
        ("zero-width letters", "\u{ad}\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}"),
        ("blanks that are no space", "\u{a0}\u{1680}\u{2000}\u{200a}\u{202f}\u{205f}\u{2800}\u{3000}"),
        ("fillers", "\u{115f}\u{1160}\u{3164}\u{ffa0}"),
        ("tags, selectors and annotations", "\u{e0001}\u{e007f}\u{e0100}\u{fe0f}\u{fff9}\u{fffb}\u{206a}\u{180e}"),
    ];

    #[test]
    fn every_class_of_deceptive_letters_is_escaped() {
        for (class, letters) in DECEPTIVE {
            for letter in letters.chars() {
                let text = shown(&format!("a{letter}b"));
                assert_eq!(text, format!("a{}b", letter.escape_default()), "{class}");
                assert!(text.is_ascii() && !text.contains(char::is_control), "{class}: {text}");
                let json = json(&format!("\"a{letter}b\""));
                assert_eq!(letter == '\n', json.contains('\n'), "{class}: {json}");
                assert!(json.is_ascii() && (letter == '\n' || !json.contains(char::is_control)), "{class}: {json}");
            }
        }
    }

    #[test]
    fn what_can_be_read_is_left_as_it_is() {
        for text in ["/srv/Müller & Söhne", "e\u{301}", "Ω ∑ → “x” 'y' \\", "日本語、ファイル", "שלום", "مرحبا", "😀"]
        {
            assert_eq!((shown(text), json(text)), (text.to_owned(), text.to_owned()));
        }
    }

    #[test]
    fn bytes_that_are_not_text_are_spelled_out() {
        assert_eq!(shown_bytes(b"/t\x1b[2J\nx\xff\xe2\x80\xaey\xe2\x80"), "/t\\u{1b}[2J\\nx\\xff\\u{202e}y\\xe2\\x80");
        assert_eq!(shown(OsStr::from_bytes(b"\x9b31m")), "\\x9b31m");
        assert_eq!(shown_ascii("１0\n".as_bytes()), "\\xef\\xbc\\x910\\n");
    }
}
