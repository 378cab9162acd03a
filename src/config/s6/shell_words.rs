//! A shell's words and lines in an execline script, where they are arguments: the most frequent mistake in an `up` file. Must not
//! know whose script it is.

/// Operators and keywords.
const WORDS: [&[u8]; 7] = [b"&&", b"||", b"|", b";", b"then", b"fi", b"done"];
/// Operators that test(1) has too.
const REDIRECTIONS: [&[u8]; 3] = [b">", b">>", b"<"];
/// Programs that take the text of a shell, and programs that compare by `<` and `>`.
const SHELLS: [&[u8]; 2] = [b"sh", b"bash"];
const TESTS: [&[u8]; 4] = [b"eltest", b"s6-test", b"test", b"expr"];
/// Programs that execute no other one: what follows them in the next line is not meant for them.
const LAST: [&[u8]; 12] =
    [b"mkdir", b"chown", b"chmod", b"cp", b"mv", b"rm", b"ln", b"touch", b"echo", b"sed", b"install", b"set"];

/// Returns the first word of a shell; none where a program may be meant to get it.
pub fn first(words: &[Vec<u8>]) -> Option<&[u8]> {
    let is = |all: &[&[u8]], word: &[u8]| all.contains(&word);
    let is_operator = |word: &[u8]| is(&WORDS, word) || is(&REDIRECTIONS, word);
    let position = words.iter().position(|word| is_operator(word))?;
    let (before, word) = (words.get(..position)?, words.get(position)?);
    let takes = |program: &Vec<u8>| {
        let name = name(program);
        is(&SHELLS, name) || (is(&REDIRECTIONS, word) && is(&TESTS, name))
    };
    if before.is_empty() || before.iter().any(takes) { None } else { Some(word) }
}

/// Returns the line, counted from 1, of a second command after one that takes no other.
pub fn second_command(text: &str) -> Option<usize> {
    let lines = (1..).zip(text.lines().map(str::trim));
    let mut lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let (_, first) = lines.next()?;
    let program = first.split_whitespace().next()?;
    let is_whole = !first.ends_with('\\') && !first.contains(['"', '{', '}']);
    let (at, _) = lines.next()?;
    (is_whole && LAST.contains(&name(program.as_bytes()))).then_some(at)
}

fn name(program: &[u8]) -> &[u8] {
    program.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<String> {
        let words: Vec<_> = text.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        first(&words).map(|word| String::from_utf8_lossy(word).into_owned())
    }

    #[test]
    fn an_operator_is_found_and_not_where_a_program_may_take_it() {
        assert_eq!(of("mkdir /x && chown abc /x").as_deref(), Some("&&"));
        assert_eq!(of("echo x > /file").as_deref(), Some(">"));
        assert_eq!(of("test -d /x || mkdir /x").as_deref(), Some("||"));
        for fine in ["mkdir -p /x", "/bin/sh -c true ; x", "if eltest 1 > 0 true", "s6-echo a"] {
            assert_eq!(of(fine), None, "{fine}");
        }
    }

    #[test]
    fn a_second_line_is_a_command_only_after_a_program_that_executes_none() {
        assert_eq!(second_command("# x\nmkdir -p /x\n\nchown abc /x\n"), Some(4));
        for fine in
            ["mkdir /x\n# end\n", "mkdir \\\n/x\n", "foreground { x }\necho a\n", "cd /x\necho a\n", "echo \"a\nb\"\n"]
        {
            assert_eq!(second_command(fine), None, "{fine}");
        }
    }
}
