//! What the help texts say after the arguments: variables, exit codes, examples. The variables come from the table that
//! the reader of the environment itself uses. Must not know how arguments are parsed.

use std::fmt::Write;

use crate::config::env::VARIABLES;

/// Variables that others have given their meaning, and that we read too.
pub(super) const OTHERS: &[(&str, &str)] = &[
    ("PATH", "where programs without a `/` are looked for"),
    ("XDG_RUNTIME_DIR", "where the control socket is, if /run cannot be written"),
    ("NO_COLOR", "`status` without colours, whatever its value"),
];

const CODES: &[(&str, &str)] = &[
    ("0", "all went as asked; for a container: it was asked to stop"),
    ("1", "`status`: something that shall run is not up"),
    ("100", "something written is wrong: the configuration, a variable, an argument"),
    ("111", "the system refused a step that is required; or nobody answered"),
    ("126, 127", "a program cannot be executed; was not found"),
    ("128+n", "the main command was killed by signal n"),
    ("others", "the main command's, or of the essential service that ended the container"),
];

/// What a container sees that was built with the binary alone as its entry point.
pub(super) const BARE_ENTRYPOINT: &str = "stepdown: started as PID 1 without a verb; as an entry point write\n  \
    ENTRYPOINT [\"/usr/bin/stepdown\", \"init\", \"--\"]\n\n";

pub(super) fn overview() -> String {
    let examples = [
        ("stepdown check", "lint the tree here, or this image's"),
        ("PUID=1000 stepdown try", "rehearse the container, without Docker"),
        ("docker exec CONTAINER stepdown status", "look into a running one"),
    ];
    format!(
        "In a Dockerfile:\n  ENTRYPOINT [\"/usr/bin/stepdown\", \"init\", \"--\"]\n  What follows the image's name in \
         `docker run` is then the main command.\n\n{}\n{}\n{}",
        table("Examples:", &examples),
        table("Environment:", &[VARIABLES, OTHERS].concat()),
        table("Exit codes:", CODES)
    )
}

pub(super) fn init() -> String {
    let examples = [
        ("stepdown init", "the services of /etc/services.d"),
        ("stepdown init -- nginx -g 'daemon off;'", "and a main command"),
        ("/init nginx -g 'daemon off;'", "the same, if /init is a link to stepdown"),
    ];
    let codes = [
        ("0", "asked to stop, and there is no main command"),
        ("100", "the configuration or a variable is wrong; nothing was touched"),
        ("111", "the system refused a step that is required"),
        ("126, 127", "the main command cannot be executed; was not found"),
        ("128+n", "the main command was killed by signal n"),
        ("others", "the main command's, or of the essential service that ended the container"),
    ];
    format!("{}\n{}\n{}", table("Examples:", &examples), environment(), table("Exit codes:", &codes))
}

pub(super) fn check() -> String {
    let examples = [
        ("stepdown check", "the tree here, or this image's"),
        ("RUN stepdown check", "in a Dockerfile: a mistake ends the build"),
        ("stepdown check image/", "image/services.d and image/stepdown.toml"),
    ];
    let codes = [("0", "no problem"), ("100", "problems; each is printed")];
    format!(
        "A tree of this image (in /etc) is also checked against the image: its programs, accounts and paths. Any other is \
         taken to be for an image that has all it names.\n\n{}\n{}\n{}",
        table("Examples:", &examples),
        environment(),
        table("Exit codes:", &codes)
    )
}

pub(super) fn plan() -> String {
    let examples = [
        ("docker run --rm --entrypoint stepdown IMAGE plan", "what that image would do"),
        ("docker run --rm --user 1000 --entrypoint stepdown IMAGE plan", "and without root"),
    ];
    let codes = [
        ("0", "a boot would start"),
        ("100", "something written is wrong"),
        ("111", "the system refuses a step that is required"),
    ];
    format!("{}\n{}\n{}", table("Examples:", &examples), environment(), table("Exit codes:", &codes))
}

pub(super) fn status() -> String {
    let codes = [
        ("0", "everything that shall run is up; oneshots are done"),
        ("1", "something is not, or the container is stopping"),
        ("111", "nobody answered, or refused to"),
    ];
    format!("{}\n{}", table("Environment:", OTHERS.get(1..).unwrap_or_default()), table("Exit codes:", &codes))
}

pub(super) fn shutdown() -> String {
    let codes = [("0", "the stop has begun"), ("111", "nobody answered, or refused to")];
    format!("{}\n{}", table("Environment:", OTHERS.get(1..2).unwrap_or_default()), table("Exit codes:", &codes))
}

pub(super) fn run_as() -> String {
    let examples = [
        ("stepdown run-as app ls -l /config", "as the app user, with its groups and HOME"),
        ("stepdown run-as 1000:1000 id", "as numbers"),
    ];
    // What makes up the app user; where programs are looked for.
    let concerns = |name: &str| ["PUID", "PGID", "STEPDOWN_SERVICES", "STEPDOWN_WITHOUT_DROP", "PATH"].contains(&name);
    let environment: Vec<_> = VARIABLES.iter().chain(OTHERS).filter(|(name, _)| concerns(name)).copied().collect();
    let codes = [
        ("100", "there is no such user; for `app` also: a variable or the configuration is wrong"),
        ("111", "the system refused, such as to become another user without root"),
        ("126, 127", "the command cannot be executed; was not found"),
        ("others", "the command's own"),
    ];
    format!(
        "HOME, USER and LOGNAME become the user's. Whoever is that user already executes the command as it is.\n\n{}\n{}\n{}",
        table("Examples:", &examples),
        table("Environment:", &environment),
        table("Exit codes:", &codes)
    )
}

/// What a boot reads, and so does whoever plans one; `NO_COLOR` is `status`'s alone.
fn environment() -> String {
    let others: Vec<_> = OTHERS.iter().filter(|(name, _)| *name != "NO_COLOR").copied().collect();
    table("Environment:", &[VARIABLES, &others].concat())
}

/// Two columns under a title; a long first column puts the second one below it.
fn table(title: &str, rows: &[(&str, &str)]) -> String {
    const WIDEST: usize = 40;
    let width = rows.iter().map(|(left, _)| left.chars().count()).filter(|width| *width <= WIDEST).max().unwrap_or(0);
    let mut text = format!("{title}\n");
    for (left, right) in rows {
        let _ = match left.chars().count() > WIDEST {
            true => writeln!(text, "  {left}\n  {:width$}  {right}", ""),
            false => writeln!(text, "  {left:width$}  {right}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_a_long_left_one_stands_alone() {
        let long = "x".repeat(41);
        let text = table("Title:", &[("a", "one"), ("bcd", "two"), (&long, "three")]);
        assert_eq!(text, format!("Title:\n  a    one\n  bcd  two\n  {long}\n       three\n"));
    }
}
