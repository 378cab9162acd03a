//! A table in the window of a terminal: cut at its edges, its rows scrolled by keys. Must not know what the table says.

use super::super::output;
use crate::rehearse::{RawMode, window};

/// Another screen than the shell's, without a cursor; and back.
const BEGIN: &str = "\x1b[?1049h\x1b[?25l";
const END: &str = "\x1b[?25h\x1b[?1049l";
/// Moves to the upper left corner and clears the screen.
const CLEAR: &str = "\x1b[H\x1b[2J";
const RESET: &str = "\x1b[0m";
const REVERSE: &str = "\x1b[7m";
/// The size of a window that does not tell it.
const DEFAULT_WINDOW: (usize, usize) = (24, 80);
/// Columns by which a key scrolls.
const SIDESTEP: usize = 8;

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Quit,
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Left,
    Right,
}

/// The window. Dropping it shows the shell's screen again.
pub(super) struct Screen {
    /// `None`: standard input is no terminal, and nothing scrolls.
    raw: Option<RawMode>,
    top: usize,
    left: usize,
    /// How many rows the last picture had.
    page: usize,
}

impl Screen {
    pub(super) fn open() -> Self {
        let raw = RawMode::enter().ok();
        if raw.is_some() {
            output::out(BEGIN);
        }
        Self { raw, top: 0, left: 0, page: 1 }
    }

    pub(super) fn reads_keys(&self) -> bool {
        self.raw.is_some()
    }

    /// Draws a text whose last `rows` lines scroll. Returns whether the output is open.
    pub(super) fn draw(&mut self, text: &str, rows: usize) -> bool {
        let size = window().unwrap_or(DEFAULT_WINDOW);
        let (lines, page) = visible(text, rows, self.top, self.left, size, self.reads_keys());
        self.page = page;
        // In raw mode a newline does not go back to the first column.
        output::out(&format!("{CLEAR}{}", lines.join("\r\n")))
    }

    pub(super) fn press(&mut self, key: Key, rows: usize) {
        let last = rows.saturating_sub(self.page);
        self.top = match key {
            Key::Up => self.top.saturating_sub(1),
            Key::Down => self.top + 1,
            Key::PageUp => self.top.saturating_sub(self.page),
            Key::PageDown => self.top + self.page,
            Key::First => 0,
            Key::Last => last,
            Key::Left | Key::Right | Key::Quit => self.top,
        }
        .min(last);
        self.left = match key {
            Key::Left => self.left.saturating_sub(SIDESTEP),
            Key::Right => self.left + SIDESTEP,
            Key::First => 0,
            Key::Up | Key::Down | Key::PageUp | Key::PageDown | Key::Last | Key::Quit => self.left,
        };
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.raw.is_some() {
            output::out(END);
        }
    }
}

/// Returns the keys that were pressed.
pub(super) fn keys(mut bytes: &[u8]) -> Vec<Key> {
    const KEYS: [(&[u8], Key); 21] = [
        (b"\x1b[5~", Key::PageUp),
        (b"\x1b[6~", Key::PageDown),
        (b"\x1b[A", Key::Up),
        (b"\x1b[B", Key::Down),
        (b"\x1b[C", Key::Right),
        (b"\x1b[D", Key::Left),
        (b"\x1b[H", Key::First),
        (b"\x1b[F", Key::Last),
        (b"\x1bOA", Key::Up),
        (b"\x1bOB", Key::Down),
        (b"k", Key::Up),
        (b"j", Key::Down),
        (b"h", Key::Left),
        (b"l", Key::Right),
        (b"b", Key::PageUp),
        (b" ", Key::PageDown),
        (b"g", Key::First),
        (b"G", Key::Last),
        (b"q", Key::Quit),
        // Control-C and Control-D, which end nothing by themselves in raw mode.
        (b"\x03", Key::Quit),
        (b"\x04", Key::Quit),
    ];
    let mut pressed = Vec::new();
    while let [_, rest @ ..] = bytes {
        match KEYS.iter().find_map(|(word, key)| Some((bytes.strip_prefix(*word)?, *key))) {
            Some((rest, key)) => {
                pressed.push(key);
                bytes = rest;
            }
            None => bytes = rest,
        }
    }
    pressed
}

/// Returns the lines that a window shows of a text whose last `rows` lines scroll, and how many of those there are.
fn visible(
    text: &str,
    rows: usize,
    top: usize,
    left: usize,
    (height, width): (usize, usize),
    has_help: bool,
) -> (Vec<String>, usize) {
    let all: Vec<&str> = text.lines().collect();
    let (head, body) = all.split_at(all.len().saturating_sub(rows));
    let room = height.saturating_sub(usize::from(has_help));
    // Where the window is too low for it the head gives way; the titles, its last line, where there is one line for rows only.
    let for_rows = body.len().clamp(1, 3);
    let head_room = head.len().min(room.saturating_sub(for_rows).max(usize::from(room > 1)));
    let head = head.get(head.len() - head_room..).unwrap_or_default();
    let page = room.saturating_sub(head.len()).max(1);
    let top = top.min(body.len().saturating_sub(page));
    let shown = body.get(top..(top + page).min(body.len())).unwrap_or_default();
    let mut lines: Vec<String> = head.iter().chain(shown).map(|line| cut(line, left, width)).collect();
    if has_help {
        let of = if shown.len() < body.len() {
            format!("  {}-{} of {}", top + 1, top + shown.len(), body.len())
        } else {
            String::new()
        };
        let help = cut(&format!("q: quit, arrows, PgUp, PgDn: scroll{of}"), 0, width);
        lines.push(format!("{REVERSE}{help}{RESET}"));
    }
    (lines, page)
}

/// Returns the part of a line that a window shows; colours take no room.
fn cut(line: &str, left: usize, width: usize) -> String {
    let (mut out, mut column, mut in_colour, mut is_coloured) = (String::new(), 0, false, false);
    for letter in line.chars() {
        match letter {
            '\x1b' => {
                (in_colour, is_coloured) = (true, true);
                out.push(letter);
            }
            letter if in_colour => {
                in_colour = letter != 'm';
                out.push(letter);
            }
            letter => {
                if (left..left.saturating_add(width)).contains(&column) {
                    out.push(letter);
                }
                column += 1;
            }
        }
    }
    if is_coloured { out + RESET } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "root mode\n  because\n\nSERVICE  STATE\na  \x1b[32mup\x1b[0m  1\nb\nc\nd\ne\n";

    fn shown(top: usize, size: (usize, usize)) -> Vec<String> {
        visible(TEXT, 5, top, 0, size, true).0
    }

    #[test]
    fn the_rows_scroll_below_the_titles_and_nothing_is_wider_or_higher_than_the_window() {
        let help = |of: &str| format!("{REVERSE}q: quit, arrows, PgUp, PgDn: scroll{of}{RESET}");
        assert_eq!(shown(0, (24, 80)).last(), Some(&help("")));
        let low = shown(0, (6, 80));
        assert_eq!(low[1..], ["SERVICE  STATE", "a  \x1b[32mup\x1b[0m  1\x1b[0m", "b", "c", &help("  1-3 of 5")]);
        assert_eq!(shown(2, (6, 80))[2..5], ["c", "d", "e"]);
        // Further down than there is anything.
        assert_eq!(shown(99, (6, 80))[2..5], ["c", "d", "e"]);
        for height in 2..12 {
            assert!(shown(1, (height, 80)).len() <= height, "{height}");
        }
        assert_eq!(shown(0, (6, 4))[1..3], ["SERV", "a  \x1b[32mu\x1b[0m\x1b[0m"]);
        assert_eq!(cut("a  \x1b[32mup\x1b[0m  1", 3, 4), "\x1b[32mup\x1b[0m  \x1b[0m");
    }

    #[test]
    fn keys_are_read_alone_and_together() {
        assert_eq!(keys(b"\x1b[B\x1b[6~jq"), [Key::Down, Key::PageDown, Key::Down, Key::Quit]);
        assert_eq!(keys(b"\x1b[xyz"), []);
        assert_eq!(keys(b"\x03"), [Key::Quit]);
    }

    #[test]
    fn a_key_moves_as_far_as_there_is_something_to_see() {
        let mut screen = Screen { raw: None, top: 0, left: 0, page: 3 };
        let mut press = |key| {
            screen.press(key, 5);
            (screen.top, screen.left)
        };
        assert_eq!([Key::Down, Key::Down, Key::Down].map(&mut press), [(1, 0), (2, 0), (2, 0)]);
        assert_eq!([Key::PageUp, Key::Right, Key::Left].map(&mut press), [(0, 0), (0, 8), (0, 0)]);
        assert_eq!([Key::Last, Key::Right, Key::First].map(&mut press), [(2, 0), (2, 8), (0, 0)]);
    }
}
