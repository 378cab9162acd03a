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
    ("1", "a service is not in the state it should be in (`status`, `health`), or was asked for (`start`, `wait` …)"),
    ("2", "`doctor`: it would not start, or something would not work; its 1: it works, with less than intended"),
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

/// What the verbs say that talk to the running PID 1.
fn talking(about: &str, examples: &[(&str, &str)], codes: &[(&str, &str)]) -> String {
    let wrong: &[_] = &[("111", "nobody answered, or it was refused, and why")];
    let about = if about.is_empty() { String::new() } else { format!("{about}\n\n") };
    let examples = if examples.is_empty() { String::new() } else { table("Examples:", examples) + "\n" };
    let environment = table("Environment:", OTHERS.get(1..2).unwrap_or_default());
    format!("{about}{examples}{environment}\n{}", table("Exit codes:", &[codes, wrong].concat()))
}

const UNKNOWN: (&str, &str) = ("100", "there is no such service; the nearest one is named");

pub(super) fn status() -> String {
    let about = "FOR is how long it has been in this state; MEMORY and CPU are those of all its processes, shared pages in \
                 shares where the kernel tells them.";
    let codes = [
        ("0", "every service that should be running is up; oneshots are done"),
        ("1", "something is not, or is failed, or the container is stopping"),
        UNKNOWN,
        ("111", "nobody answered, or refused to"),
    ];
    let environment = table("Environment:", OTHERS.get(1..).unwrap_or_default());
    format!("{about}\n\n{environment}\n{}", table("Exit codes:", &codes))
}

pub(super) fn doctor() -> String {
    let about = "In a running container it asks PID 1 what the boot could not do, and looks at every declared path, device and port \
                 as the app user has it now. In a fresh one, as the first command, it says what a boot there would come to. It \
                 changes nothing.";
    let examples = [
        ("docker exec CONTAINER stepdown doctor", "a running one"),
        ("docker run --rm OPTIONS --entrypoint /usr/bin/stepdown IMAGE doctor", "a fresh one"),
        ("kubectl exec POD -- stepdown doctor --json", "for programs"),
    ];
    let codes = [
        ("0", "all is well"),
        ("1", "it works, and something is less than it was meant to be"),
        ("2", "it would not start, or something would not work; also where the configuration is wrong"),
        ("100", "an argument is wrong"),
    ];
    format!("{about}\n\n{}\n{}\n{}", table("Examples:", &examples), environment(), table("Exit codes:", &codes))
}

pub(super) fn health() -> String {
    let examples = [
        ("HEALTHCHECK --interval=30s CMD [\"/usr/bin/stepdown\", \"health\"]", "in a Dockerfile"),
        ("exec: { command: [/usr/bin/stepdown, health] }", "in a Kubernetes probe"),
    ];
    let codes = [
        ("0", "every service that should be running is up, oneshots are done, and no health check fails"),
        ("1", "something is not: one line for each says what; or nobody answered"),
    ];
    let environment = table("Environment:", OTHERS.get(1..2).unwrap_or_default());
    format!("{}\n{environment}\n{}", table("Examples:", &examples), table("Exit codes:", &codes))
}

pub(super) fn start() -> String {
    let about = "One that is up stays as it is; one that is failed or pauses after a failure is tried again at once. Who \
                 waits sees it through restarts until it is up, failed, or time is over.";
    let codes = [("0", "all are up, oneshots done"), ("1", "not all: one line for each says why"), UNKNOWN];
    talking(about, &[], &codes)
}

pub(super) fn stop() -> String {
    let about = "What requires it is stopped first. It stays down until somebody starts it again, and the container goes on \
                 even if nothing else runs.";
    let codes = [("0", "all are down"), ("1", "not all: one line for each says why"), UNKNOWN];
    talking(about, &[], &codes)
}

pub(super) fn restart() -> String {
    let about = "What requires it stays up meanwhile, as after a crash; `stop` and `start` take it along. One that is down \
                 is started; a oneshot is run again.";
    let codes = [("0", "all are up again, oneshots done"), ("1", "not all: one line for each says why"), UNKNOWN];
    talking(about, &[], &codes)
}

pub(super) fn reload() -> String {
    let about = "Without a service the whole tree is read again, as by HUP to PID 1, and checked: with any problem nothing \
                 changes; else what is new starts, what is gone stops, what is another is restarted, and everything else is \
                 left alone. With services: `reload = { signal = … }` sends that to its first process, `reload = { command = … }` is run as its user, \
                 for 30s at most.";
    let codes = [
        ("0", "it has begun; or all were told to, and commands have succeeded"),
        ("1", "not all: one line says why"),
        UNKNOWN,
    ];
    talking(about, &[], &codes)
}

pub(super) fn signal() -> String {
    let examples =
        [("stepdown signal web USR1", "to its first process"), ("stepdown signal --group web STOP", "to all")];
    talking("", &examples, &[("0", "it was sent"), ("100", "there is no such service, or signal")])
}

pub(super) fn wait() -> String {
    let examples = [
        ("stepdown wait db", "until it is up"),
        ("stepdown wait --done --timeout 5m migrate", "until a oneshot is done"),
    ];
    let codes = [("0", "all are"), ("1", "one is failed, the container stops, or time is over"), UNKNOWN];
    talking("", &examples, &codes)
}

pub(super) fn env() -> String {
    let about = "As it was started, or would be. Control characters are spelled out. Who is not root sees that of services \
                 of the same user only.";
    talking(about, &[], &[("0", "it was printed"), UNKNOWN])
}

pub(super) fn logs() -> String {
    let about = "What it wrote to its standard error goes to ours; control characters are spelled out. Lines that go to the \
                 container's output directly (`log.format` is `inherit`) are not kept.";
    let examples =
        [("stepdown logs -f web", "what is kept, and what comes"), ("stepdown logs -n 5 web", "the last five")];
    talking(about, &examples, &[("0", "they were printed"), UNKNOWN])
}

pub(super) fn timings() -> String {
    let about = "Moments since the start of PID 1; of a service, of its first start. The last line is the chain of those for \
                 whom the last one waited, each with its own part.";
    talking(about, &[], &[("0", "they were printed")])
}

pub(super) fn shutdown() -> String {
    talking("", &[], &[("0", "the stop has begun")])
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
