//! Pictures as SVG: one monospaced font whose width is known, colours for light and dark screens. Must not know what is drawn.

use std::fmt::Write;

use crate::text::shown;

/// The width of a letter: 12 px in a monospaced font, rounded up.
pub(super) const LETTER: u32 = 8;
/// The height of a line of text, with the space around it.
pub(super) const LINE: u32 = 22;

/// The colours; a class of an element is a colour of it.
const STYLE: &str = "
:root { --page: #ffffff; --text: #1f2328; --faint: #57606a; --line: #d0d7de; --wait: #c4ccd4; --outside: #8c6bc8;
        --start: #0969da; --up: #b4e6c1; --critical: #bc4c00; --failed: #cf222e; --box: #f6f8fa; }
@media (prefers-color-scheme: dark) {
  :root { --page: #0d1117; --text: #e6edf3; --faint: #9aa4ae; --line: #30363d; --wait: #484f58; --outside: #a98be0;
          --start: #4493f8; --up: #1f5a36; --critical: #f0883e; --failed: #f85149; --box: #161b22; } }
text { font: 12px ui-monospace, 'DejaVu Sans Mono', 'Liberation Mono', monospace; fill: var(--text); }
.page { fill: var(--page); } .faint { fill: var(--faint); } text.critical { fill: var(--critical); }
.grid { stroke: var(--line); fill: none; } .box { fill: var(--box); stroke: var(--faint); }
rect.wait { fill: var(--wait); } rect.outside { fill: var(--outside); } rect.start { fill: var(--start); }
rect.up { fill: var(--up); } rect.critical { fill: var(--critical); } rect.failed { fill: var(--failed); }
path { fill: none; stroke: var(--faint); stroke-width: 1.2; } path.after { stroke-dasharray: 5 4; }
path.critical { stroke: var(--critical); stroke-width: 1.6; } marker path { fill: var(--faint); stroke: none; }
";

/// A picture that is being drawn.
pub(super) struct Picture {
    body: String,
}

/// Where a text stands: it begins at `x`, or has its middle there.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
}

impl Picture {
    pub(super) fn new() -> Self {
        Self { body: String::new() }
    }

    /// Draws a text; `y` is its base line.
    pub(super) fn text(&mut self, (x, y): (u32, u32), anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
        };
        let text = escaped(text);
        let _ = writeln!(self.body, r#"<text x="{x}" y="{y}" text-anchor="{anchor}" class="{class}">{text}</text>"#);
    }

    /// Draws a rectangle; `about` is shown where the pointer is over it.
    pub(super) fn rectangle(&mut self, (x, y): (u32, u32), (width, height): (u32, u32), class: &str, about: &str) {
        let about = if about.is_empty() { String::new() } else { format!("<title>{}</title>", escaped(about)) };
        let _ = writeln!(
            self.body,
            r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="2" class="{class}">{about}</rect>"#
        );
    }

    /// Draws a path, with an arrow at its end if it has one.
    pub(super) fn path(&mut self, path: &str, class: &str, has_arrow: bool) {
        let arrow = if has_arrow { r#" marker-end="url(#arrow)""# } else { "" };
        let _ = writeln!(self.body, r#"<path d="{path}" class="{class}"{arrow}/>"#);
    }

    /// Returns the file.
    pub(super) fn finish(self, (width, height): (u32, u32), title: &str) -> String {
        let title = escaped(title);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             role=\"img\">\n<title>{title}</title>\n<style>{STYLE}</style>\n<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" \
             refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0 L8 4 L0 8 z\"/>\
             </marker></defs>\n<rect width=\"{width}\" height=\"{height}\" class=\"page\"/>\n{}</svg>\n",
            self.body
        )
    }
}

/// Returns the width of a text.
pub(super) fn width(text: &str) -> u32 {
    u32::try_from(shown(text).chars().count()).unwrap_or(u32::MAX).saturating_mul(LETTER)
}

/// Returns a text of at most so many letters.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        text.to_owned()
    } else {
        text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
    }
}

fn escaped(text: &str) -> String {
    shown(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_leave_its_element() {
        let mut picture = Picture::new();
        picture.text((1, 2), Anchor::Start, "", "a<b>&\"\u{1b}");
        assert!(picture.body.contains(r">a&lt;b&gt;&amp;&quot;\u{1b}</text>"), "{}", picture.body);
        assert_eq!(shortened("abcdef", 4), "abc…");
        assert_eq!(shortened("abcd", 4), "abcd");
    }
}
