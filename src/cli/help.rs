//! The help texts after the arguments: variables, exit codes, examples. The variables come from the table with which the
//! environment is read. Must not know how arguments are parsed.

use super::control_help::{NO_RESPONSE, OTHERS, UNKNOWN, control_help};
use super::help_text::{HelpText, Row};
use super::query_help;
use crate::config::VARIABLES;

/// The exit codes of all commands, each with its meaning.
pub const CODES: &[(&str, &str)] = &[
    ("0", "success; for a container: a stop was requested"),
    (
        "1",
        "a service is not in the state that it should be in or that was requested; `doctor`: the container works, but less \
         than intended; `import`: something could not be translated",
    ),
    ("2", "`doctor`: the container would not start, or a part of it does not work"),
    ("100", "something that you wrote is wrong: the configuration, a variable, an argument"),
    ("111", "the system refused a step that is required, or PID 1 did not respond"),
    NOT_EXECUTABLE,
    NOT_FOUND,
    SIGNAL,
    MAIN,
];

const NOT_EXECUTABLE: Row = ("126", "the main command cannot be executed");
const NOT_FOUND: Row = ("127", "the main command was not found");
const SIGNAL: Row = ("128+n", "signal n killed the main command");
const MAIN: Row = ("others", "the exit code of the main command, or of the essential service that ended the container");

/// The message for an image whose entry point is the binary without `init`.
pub(super) const BARE_ENTRYPOINT: &str = "stepdown: started as PID 1 without a command; in a Dockerfile write\n  \
    ENTRYPOINT [\"/usr/bin/stepdown\", \"init\", \"--\"]\n\n";

/// Returns the text of a verb, by its name.
pub(super) fn of(verb: &str) -> HelpText {
    match verb {
        "init" => init(),
        "check" => check(),
        "plan" => plan(),
        "import" => import(),
        "try" => rehearsal(),
        "status" => status(),
        "health" => health(),
        "start" => start(),
        "stop" => stop(),
        "restart" => restart(),
        "reload" => reload(),
        "signal" => signal(),
        "wait" => wait(),
        "env" => env(),
        "logs" => query_help::logs(),
        "events" => query_help::events(),
        "metrics" => query_help::metrics(),
        "graph" => query_help::graph(),
        "doctor" => doctor(),
        "timings" => query_help::timings(),
        "shutdown" => shutdown(),
        "run-as" => run_as(),
        "install-links" => install_links(),
        "man" => man(),
        "schema" => schema(),
        "completions" => completions(),
        _ => HelpText::new(""),
    }
}

pub(super) fn overview() -> HelpText {
    let examples = [
        ("stepdown check", "check the tree in this directory, or in this image"),
        ("PUID=1000 stepdown try", "rehearse the container, without Docker"),
        ("docker exec CONTAINER stepdown status", "show the services of a running container"),
    ];
    let about = "In a Dockerfile:\n  ENTRYPOINT [\"/usr/bin/stepdown\", \"init\", \"--\"]\nWhat follows the image's name in `docker run` is then the \
                 main command.";
    HelpText::new(about).examples(&examples).environment(&[VARIABLES, OTHERS].concat()).codes(CODES)
}

fn init() -> HelpText {
    let examples = [
        ("stepdown init", "run the services of /etc/services.d"),
        ("stepdown init -- nginx -g 'daemon off;'", "and a main command"),
        ("/init nginx -g 'daemon off;'", "the same, if /init is a link to stepdown"),
    ];
    let codes = [
        ("0", "a stop was requested, and there is no main command"),
        ("100", "the configuration or a variable is wrong; nothing was changed"),
        ("111", "the system refused a step that is required"),
        NOT_EXECUTABLE,
        NOT_FOUND,
        SIGNAL,
        MAIN,
    ];
    HelpText::new("").examples(&examples).environment(&boot_variables()).codes(&codes)
}

fn check() -> HelpText {
    let examples = [
        ("stepdown check", "the tree in this directory, or in this image"),
        ("RUN stepdown check", "in a Dockerfile: a mistake fails the build"),
        ("stepdown check image/", "image/services.d and image/stepdown.toml"),
        ("stepdown check --json image/", "for programs: `ok`, `problems`, `notes`"),
    ];
    let codes = [("0", "no problems"), ("100", "there are problems; each is printed")];
    let about = "The tree of this image (in /etc) is also checked against the image: its programs, accounts and paths. For any \
                 other tree, the image is assumed to have everything that the tree names.";
    HelpText::new(about).examples(&examples).environment(&boot_variables()).codes(&codes)
}

fn plan() -> HelpText {
    let examples = [
        ("docker run --rm --entrypoint stepdown IMAGE plan", "what that image would do"),
        ("docker run --rm --user 1000 --entrypoint stepdown IMAGE plan", "and without root"),
    ];
    let codes = [
        ("0", "the container would start"),
        ("100", "something that you wrote is wrong"),
        ("111", "the system refuses a step that is required"),
    ];
    HelpText::new("").examples(&examples).environment(&boot_variables()).codes(&codes)
}

fn rehearsal() -> HelpText {
    let examples = [
        ("PUID=1234 stepdown try", "the tree in this directory, as `docker run -e PUID=1234` would"),
        ("stepdown try --user 1000 --read-only", "without root, on a read-only root filesystem"),
        ("stepdown try -e MODE=test -- sh -c 'echo $MODE'", "with a main command"),
    ];
    let codes = [
        ("100", "something that you wrote is wrong: an option, the configuration, a variable"),
        ("111", "the system refused the rehearsal, or the container a step that is required"),
        ("others", "the exit code of the container"),
    ];
    let about = "The root filesystem of this machine is seen copy-on-write, so nothing on it changes. As root everything is \
                 rehearsed. Without root a user namespace is used: everything is rehearsed if `newuidmap` and a range in \
                 /etc/subuid are there, and user mode if not. PUID, PGID, UMASK, TZ and STEPDOWN_* are taken from the \
                 environment.\n\n\
                 Differences from Docker: the network is the host's unless `--network none` is given; `/run` and `/tmp` are \
                 empty unless `--root` is given; volumes are copy-on-write too; there is no seccomp profile.";
    HelpText::new(about).examples(&examples).codes(&codes)
}

fn import() -> HelpText {
    let about = "What cannot be translated is a comment in the file, and a line on standard error. Paths are those of the image: \
                 a services tree becomes /etc/services.d, and what lies beside it /etc. Scripts of shells become a \
                 part of the files; others stay where they are. Of the environment only S6_* is read.";
    let examples = [
        ("stepdown import rootfs/", "print all files that rootfs/etc comes to"),
        ("stepdown import supervisord.conf", "with the files that it includes"),
        ("stepdown import Procfile", "a service for each line"),
        ("stepdown import --from runit etc/sv/", "with `check` as readiness check"),
        ("stepdown import entrypoint.sh", "a suggestion, with a comment for each line"),
        ("stepdown import --to new/ services.d/", "write new/services.d and new/stepdown.toml"),
        ("stepdown check new/", "and check them"),
    ];
    let codes = [
        ("0", "everything was translated"),
        ("1", "something was not; the rest was"),
        ("100", "an argument or a source is wrong, or a file exists already; nothing was written"),
        ("111", "the system refused to write a file"),
    ];
    HelpText::new(about).examples(&examples).codes(&codes)
}

fn status() -> HelpText {
    let about = "FOR is the time in this state. MEMORY and CPU are for all processes of the service; shared memory counts in \
                 shares where the kernel reports them. With --watch on a terminal `q` ends it, and arrows, page keys, \
                 Home and End scroll.";
    let codes = [
        ("0", "every service that should be running is up, and oneshots are done"),
        ("1", "a service is not up or has failed, or the container is stopping"),
        UNKNOWN,
        NO_RESPONSE,
    ];
    HelpText::new(about).environment(OTHERS.get(1..).unwrap_or_default()).codes(&codes)
}

fn doctor() -> HelpText {
    let about = "In a running container it asks PID 1 what the boot could not do, and tests every declared path, device and \
                 port as the app user. As the first command of a fresh container it says what a boot there would come to. It \
                 changes nothing.";
    let examples = [
        ("docker exec CONTAINER stepdown doctor", "a running container"),
        ("docker run --rm OPTIONS --entrypoint /usr/bin/stepdown IMAGE doctor", "a fresh container"),
        ("kubectl exec POD -- stepdown doctor --json", "for programs"),
    ];
    let codes = [
        ("0", "all is well"),
        ("1", "the container works, but less than intended"),
        ("2", "it would not start, or a part of it does not work, or the configuration is wrong"),
        ("100", "an argument is wrong"),
    ];
    HelpText::new(about).examples(&examples).environment(&[VARIABLES, OTHERS].concat()).codes(&codes)
}

fn health() -> HelpText {
    let about = "Without --live and --ready it asks whether anything is wrong: a service that should be running is not up, is \
                 unhealthy, or its log cannot be written, or the container is stopping.\n\n--ready: all of them are up, \
                 oneshots done, none is unhealthy, and the container is not stopping. --live: none has failed for good, and \
                 none is unhealthy. A service that starts, waits or pauses before its next start is live and not ready. Both \
                 answer in one line. Before the boot is over nobody answers: have a startupProbe ask for --live.";
    let examples = [
        ("HEALTHCHECK --interval=30s CMD [\"/usr/bin/stepdown\", \"health\"]", "in a Dockerfile"),
        ("livenessProbe: { exec: { command: [/usr/bin/stepdown, health, --live] } }", "in a Kubernetes manifest"),
        ("readinessProbe: { exec: { command: [/usr/bin/stepdown, health, --ready, web] } }", "for one service"),
    ];
    let codes = [
        ("0", "it is so"),
        ("1", "it is not, and what is printed says why; or PID 1 did not respond, or there is no such service"),
        ("100", "an option is wrong"),
    ];
    HelpText::new(about).examples(&examples).environment(OTHERS.get(1..2).unwrap_or_default()).codes(&codes)
}

const NOT_ALL: Row = ("1", "not all of them: a line for each says why");

fn start() -> HelpText {
    let about = "A service that is up stays as it is. One that has failed or pauses after a failure is tried again at once. \
                 The command waits through restarts until each service is up or has failed, or until the timeout.";
    control_help(about, &[], &[("0", "all of them are up, and oneshots done"), NOT_ALL, UNKNOWN])
}

fn stop() -> HelpText {
    let about = "Services that require one of them are stopped first. All of them stay down until each is started again, and \
                 the container goes on even if nothing else runs.";
    control_help(about, &[], &[("0", "all of them are down"), NOT_ALL, UNKNOWN])
}

fn restart() -> HelpText {
    let about = "Services that require one of them stay up, as after a crash; to restart those too, `stop` the service and \
                 `start` those. A service that is down is started, and a oneshot is run again.";
    control_help(about, &[], &[("0", "all of them are up again, and oneshots done"), NOT_ALL, UNKNOWN])
}

fn reload() -> HelpText {
    let about = "Without a service the whole tree is read and checked again, as by HUP to PID 1. If there is any problem, \
                 nothing changes. Otherwise new services start, removed ones stop, changed ones are restarted, and all others \
                 are left alone. A change of `requires` or `after` alone restarts nothing: the next start \
                 and the stop follow the new order.\n\nWith services, each does what `reload` in its file says: it gets the signal, or its \
                 command runs as its user, for at most 30 s.";
    let codes =
        [("0", "the reload has begun; or each service got its signal, and each command succeeded"), NOT_ALL, UNKNOWN];
    control_help(about, &[], &codes)
}

fn signal() -> HelpText {
    let examples = [
        ("stepdown signal web USR1", "to the main process of `web`"),
        ("stepdown signal --group web STOP", "to its whole process group"),
    ];
    control_help("", &examples, &[("0", "the signal was sent"), ("100", "there is no such service or signal")])
}

fn wait() -> HelpText {
    let examples = [
        ("stepdown wait db", "until `db` is ready"),
        ("stepdown wait --done --timeout 5m migrate", "until a oneshot is done"),
    ];
    let codes = [
        ("0", "all of them are as requested"),
        ("1", "one of them has failed, the container is stopping, or the time is over"),
        UNKNOWN,
    ];
    control_help("", &examples, &codes)
}

fn env() -> HelpText {
    let about = "It is the environment with which the service was started, or would be. Control characters are spelled out. \
                 Only root and the user of the service may see it.";
    control_help(about, &[], &[("0", "it was printed"), UNKNOWN])
}

fn shutdown() -> HelpText {
    control_help("", &[], &[("0", "the stop has begun")])
}

fn run_as() -> HelpText {
    let examples = [
        ("stepdown run-as app ls -l /config", "as the app user, with its groups and HOME"),
        ("stepdown run-as 1000:1000 id", "as these ids"),
    ];
    // The variables of the app user, and PATH.
    let concerns = |name: &str| ["PUID", "PGID", "STEPDOWN_SERVICES", "STEPDOWN_WITHOUT_DROP", "PATH"].contains(&name);
    let environment: Vec<_> = VARIABLES.iter().chain(OTHERS).filter(|(name, _)| concerns(name)).copied().collect();
    let codes = [
        ("100", "there is no such user; for `app` also: a variable or the configuration is wrong"),
        ("111", "the system refused, such as to switch to another user without root"),
        ("126", "the command cannot be executed"),
        ("127", "the command was not found"),
        ("others", "the exit code of the command"),
    ];
    let about = "HOME, USER and LOGNAME become those of the user. Under `docker run --user` the same line works for the user \
                 that it runs as already.";
    HelpText::new(about).examples(&examples).environment(&environment).codes(&codes)
}

fn install_links() -> HelpText {
    let about = "The links are /init, and each command of s6, execline and s6-overlay in /command and in /usr/bin. Links, and \
                 programs of s6, execline and s6-overlay, are replaced and named. Everything else is kept and named: so \
                 are LinuxServer's own scripts, and in /usr/bin whatever has the name of one of execline's commands.";
    let examples = [
        ("RUN stepdown install-links", "in a Dockerfile, behind the line that copies stepdown"),
        ("stepdown install-links --prefix image/", "in a directory that becomes an image"),
    ];
    let codes = [
        ("0", "the links are there"),
        ("1", "a file of another program was kept where scripts call one of these commands"),
        ("100", "there is no stepdown in the image"),
        ("111", "the system refused to create a link"),
    ];
    HelpText::new(about).examples(&examples).codes(&codes)
}

fn man() -> HelpText {
    let about = "The source of the page goes to standard output; man(1) shows it.";
    let examples = [
        ("stepdown man status | man -l -", "read the page of `status`"),
        ("stepdown man --to /usr/local/share/man", "install all pages"),
    ];
    let codes = [("0", "it was printed"), ("100", "there is no such page"), ("111", "a page could not be written")];
    HelpText::new(about).examples(&examples).codes(&codes)
}

fn schema() -> HelpText {
    let about = "An editor that reads it, such as one with taplo or Even Better TOML, completes and checks the keys while you \
                 write. A line at the top of the file names it: `#:schema ../stepdown-service.schema.json`. What concerns \
                 several files, or the machine, only `stepdown check` sees.";
    let examples = [
        ("stepdown schema > stepdown-service.schema.json", "of a service"),
        ("stepdown schema container > stepdown.schema.json", "of the container file"),
    ];
    HelpText::new(about).examples(&examples).codes(&[("0", "it was printed"), ("100", "there is no such file")])
}

fn completions() -> HelpText {
    let about = "The names of services come from the running PID 1, so that they are completed in its container.";
    let examples = [
        ("source <(stepdown completions bash)", "for this shell"),
        ("stepdown completions fish > ~/.config/fish/completions/stepdown.fish", "for all that follow"),
    ];
    HelpText::new(about).examples(&examples).codes(&[("0", "it was printed"), ("100", "there is no such shell")])
}

/// The variables that a boot, or planning one, reads; `NO_COLOR` is for commands that print colours.
fn boot_variables() -> Vec<Row> {
    let others: Vec<_> = OTHERS.iter().filter(|(name, _)| *name != "NO_COLOR").copied().collect();
    [VARIABLES, &others].concat()
}
