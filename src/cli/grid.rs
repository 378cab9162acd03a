//! Cells in aligned columns. Text in, text out.

use std::fmt::Write;

/// Appends the rows, the titles first; one cell of each row may be coloured, for terminals: by the row's number.
pub(super) fn draw(
    text: &mut String,
    titles: &[&str],
    rows: &[Vec<String>],
    coloured: usize,
    colour: impl Fn(usize) -> Option<&'static str>,
) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(titles.get(column).map(|title| title.len())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..titles.len()).map(width).collect();
    let titles: Vec<String> = titles.iter().map(ToString::to_string).collect();
    line(text, &titles, &widths, None);
    for (at, row) in rows.iter().enumerate() {
        line(text, row, &widths, colour(at).map(|colour| (coloured, colour)));
    }
}

fn line(text: &mut String, cells: &[String], widths: &[usize], coloured: Option<(usize, &str)>) {
    let start = text.len();
    for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let padding = width.saturating_sub(cell.chars().count());
        let gap = if at == 0 { "" } else { "  " };
        let _ = match coloured {
            Some((column, colour)) if at == column => write!(text, "{gap}{colour}{cell}\x1b[0m{:padding$}", ""),
            Some(_) | None => write!(text, "{gap}{cell}{:padding$}", ""),
        };
    }
    text.truncate(start.max(text.trim_end_matches(' ').len()));
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_nothing_trails_and_colours_take_no_room() {
        let rows = [vec!["a".to_owned(), "up".to_owned(), String::new()], vec!["long".into(), "b".into(), "x".into()]];
        let mut plain = String::new();
        draw(&mut plain, &["N", "STATE", "WHY"], &rows, 1, |_| None);
        assert_eq!(plain, "N     STATE  WHY\na     up\nlong  b      x\n");
        let mut coloured = String::new();
        draw(&mut coloured, &["N", "STATE", "WHY"], &rows, 1, |at| (at == 0).then_some("\x1b[32m"));
        assert_eq!(coloured.replace("\x1b[32m", "").replace("\x1b[0m", ""), plain);
    }
}
