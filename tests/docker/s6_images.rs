//! Whole trees in the styles of images made for s6-overlay (`tests/fixtures/s6`), each in every mode: what came up, in which
//! order, as whom, where and with which variables, what the stop ran, and the exit code. One container for each mode.

use std::thread;

use crate::support::docker::{Docker, Image, Run};

/// Containers at a time.
const PARALLEL: usize = 4;

/// How an image is run.
struct Mode {
    name: &'static str,
    options: &'static str,
    /// As whom its scripts run.
    scripts: &'static str,
    /// As whom its account `abc` runs.
    abc: &'static str,
}

impl Mode {
    /// Whether its scripts can give a file of the image to another user.
    fn can_give_away(&self) -> bool {
        self.scripts == ROOT && self.name != "--read-only"
    }

    fn script_uid(&self) -> &str {
        self.scripts.split([' ', '=']).nth(1).expect("it begins with the uid")
    }
}

const ROOT: &str = "uid=0 gid=0 groups=0";
const ABC: &str = "uid=911 gid=911 groups=911";
const USER: &str = "uid=1234 gid=1235 groups=1235";
const RUN_OF_USER: &str = "--user 1234:1235 --tmpfs /run:uid=1234,gid=1235,mode=0755";

const MODES: [Mode; 9] = [
    Mode { name: "root", options: "", scripts: ROOT, abc: ABC },
    Mode { name: "PUID", options: "-e PUID=1234 -e PGID=1235", scripts: ROOT, abc: USER },
    Mode { name: "--user", options: RUN_OF_USER, scripts: USER, abc: USER },
    Mode {
        name: "--user, no-new-privileges, read-only",
        options: "--user 1234:1235 --tmpfs /run:uid=1234,gid=1235,mode=0755 --read-only --tmpfs /tmp \
                  --security-opt no-new-privileges --cap-drop ALL",
        scripts: USER,
        abc: USER,
    },
    Mode { name: "--read-only", options: "--read-only --tmpfs /run --tmpfs /tmp", scripts: ROOT, abc: ABC },
    Mode { name: "--init", options: "--init", scripts: ROOT, abc: ABC },
    Mode { name: "no-new-privileges", options: "--security-opt no-new-privileges", scripts: ROOT, abc: ABC },
    Mode { name: "noexec /run", options: "--tmpfs /run:noexec,mode=0755", scripts: ROOT, abc: ABC },
    Mode {
        name: "three capabilities",
        options: "--cap-drop ALL --cap-add CHOWN --cap-add SETUID --cap-add SETGID",
        scripts: ROOT,
        abc: ABC,
    },
];

/// One container that ran to its end.
struct Log<'m> {
    mode: &'m Mode,
    /// What services wrote, without their tags' padding.
    text: String,
    code: i32,
}

impl Log<'_> {
    /// Checks that these lines are there, in this order; a line may go on.
    #[track_caller]
    fn has_in_order(&self, lines: &[&str]) {
        let mut rest = self.text.as_str();
        for line in lines {
            let found = rest.find(line);
            let at = found.unwrap_or_else(|| panic!("{}: no {line:?} in its place in:\n{}", self.mode.name, self.text));
            rest = &rest[at + line.len()..];
        }
    }

    #[track_caller]
    fn has(&self, line: &str) {
        self.has_in_order(&[line]);
    }

    #[track_caller]
    fn has_not(&self, text: &str) {
        assert!(!self.text.contains(text), "{}: {text:?} in:\n{}", self.mode.name, self.text);
    }

    #[track_caller]
    fn ended_with(&self, code: i32) {
        assert_eq!(self.code, code, "{}:\n{}", self.mode.name, self.text);
    }
}

/// Runs an image in each mode until its log holds these, stops it, and has its log checked. Without any it ends by itself.
fn in_every_mode(name: &str, up: &[&str], check: fn(&Log<'_>)) {
    in_every_mode_with("", name, up, check);
}

/// The same with options of `docker run` that the image needs.
fn in_every_mode_with(options: &str, name: &str, up: &[&str], check: fn(&Log<'_>)) {
    in_modes(options, name, (|_| true, up), check);
}

/// The same in some of the modes.
fn in_modes(options: &str, name: &str, (chosen, up): (fn(&Mode) -> bool, &[&str]), check: fn(&Log<'_>)) {
    let Some(docker) = Docker::here_as_root() else { return };
    let image = &Image::s6(&docker, name);
    let modes: Vec<&Mode> = MODES.iter().filter(|mode| chosen(mode)).collect();
    for modes in modes.chunks(PARALLEL) {
        thread::scope(|scope| {
            let started: Vec<_> =
                modes.iter().map(|mode| scope.spawn(move || check(&run(image, (mode, options), up)))).collect();
            // All of them end before the first failure is reported.
            let ended: Vec<_> = started.into_iter().map(|thread| thread.join()).collect();
            ended.into_iter().for_each(|result| result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        });
    }
}

fn run<'m>(image: &Image, (mode, options): (&'m Mode, &str), up: &[&str]) -> Log<'m> {
    let run = Run::new(image).env("MODE", "test").env("STEPDOWN_LOG_FORMAT", "tagged").options(mode.options);
    let container = run.options(options).start();
    up.iter().for_each(|text| drop(container.wait_for_log(text)));
    let code = if up.is_empty() { container.wait_for_end() } else { container.stop().0 };
    let [out, err] = container.streams();
    let text = out.lines().chain(err.lines()).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n");
    Log { mode, text: text.collect(), code }
}

#[test]
fn a_base_image_with_a_chain_of_oneshots() {
    let options =
        "-e S6_STAGE2_HOOK=/docker-mods -e S6_BEHAVIOUR_IF_STAGE2_FAILS=2 -e FILE__PASSWORD=/etc/fixture-secret";
    in_every_mode_with(options, "base-image", &["REPORT app", "REPORT cron"], |log| {
        let Mode { scripts, abc, .. } = log.mode;
        let uid = log.mode.script_uid();
        log.has_in_order(&[
            &format!("stage2-hook | [mod-init] as {uid}\n"),
            "init-migrations | [migrations] started\n",
            "init-adduser | User UID: ",
            &format!("init-crontab-config | crontab of {uid}\n"),
            "init-custom-files | [custom-init] fix: executing\n",
            &format!("init-custom-files | custom script as {uid}\n"),
            "init-custom-files | [ls.io-init] done.\n",
            &format!("svc-app | REPORT app {abc} cwd=/run/s6-rc/servicedirs/svc-app MODE=test SECRET_LENGTH=7 HOME="),
        ]);
        log.has_in_order(&["[env-init] PASSWORD set from FILE__PASSWORD\n", "[app-config] password of 7 letters"]);
        log.has(&format!("svc-cron | REPORT cron {scripts} cwd=/run/s6-rc/servicedirs/svc-cron RC_NAME=\n"));
        log.has_not("hunter2");
        log.ended_with(0);
    });
}

#[test]
fn services_that_are_ready_when_their_check_succeeds() {
    in_every_mode("notify-on-check", &["REPORT web", "web is ready too", "REPORT db"], |log| {
        let abc = log.mode.abc;
        log.has_in_order(&[
            "svc-db | db begins\n",
            "svc-db | db is ready\n",
            &format!("svc-web | REPORT web {abc} cwd=/run/s6-rc/servicedirs/svc-web MODE=test\n"),
        ]);
        log.has(&format!("svc-db | REPORT db {abc} cwd=/srv\n"));
        log.has_in_order(&["svc-db | db is ready\n", "init-last | web is ready too\n"]);
        log.ended_with(0);
    });
}

#[test]
fn a_pipeline_with_a_filter_and_a_logger() {
    in_every_mode("pipeline", &["REPORT watcher"], |log| {
        let scripts = log.mode.scripts;
        log.has_in_order(&[
            "log-prepare | prepared the directory of the log\n",
            "watcher | the log has: filtered: one filtered: two filtered: REPORT producer\n",
            &format!("watcher | REPORT watcher {scripts} cwd=/run/s6-rc/servicedirs/watcher\n"),
        ]);
        // Its output is the pipe's alone.
        log.has_not("| REPORT producer");
        log.ended_with(0);
    });
}

#[test]
fn a_finish_script_that_ends_the_container_with_a_code() {
    in_every_mode("halting-finish", &[], |log| {
        let uid = log.mode.script_uid();
        log.has_in_order(&[
            &format!("svc-side | side runs as {uid} in /run/s6-rc/servicedirs/svc-side\n"),
            &format!("svc-main | main runs as {uid} in /run/s6-rc/servicedirs/svc-main\n"),
            "svc-side | side finished with 256 15 svc-side\n",
        ]);
        log.ended_with(3);
    });
}

#[test]
fn scripts_and_services_of_version_2() {
    in_every_mode("legacy", &["logged: REPORT web", "REPORT worker"], |log| {
        let Mode { scripts, abc, .. } = log.mode;
        let uid = log.mode.script_uid();
        log.has_in_order(&[
            &format!("cont-init-01-first | first as {uid} with MODE=test\n"),
            "cont-init-02-second | second with PORT=8080\n",
            "web-log | logger in /run/s6/legacy-services/web/log\n",
            &format!("web-log | logged: REPORT web {abc} cwd=/run/s6/legacy-services/web PORT=8080\n"),
            "cont-finish-1-bye | bye\n",
            "cont-finish-2-last | last with PORT=8080\n",
        ]);
        // PATH is all that it has without with-contenv.
        log.has(&format!("worker | REPORT worker {scripts} cwd=/run/s6/legacy-services/worker MODE=\n"));
        log.has("web | web finished with 256 15\n");
        log.has("03-not-executable\": not executable, not run, as under s6-overlay");
        log.has_not("never");
        log.ended_with(0);
    });
}

#[test]
fn scripts_of_version_2_without_their_execute_bits() {
    in_every_mode("version-two", &["logged: REPORT web", "REPORT checked", "checked is ready"], |log| {
        let Mode { scripts, abc, .. } = log.mode;
        let uid = log.mode.script_uid();
        log.has_in_order(&[
            &format!("cont-init-01-first | first as {uid} with MODE=test\n"),
            "cont-init-02-second | second with PORT=8080\n",
            &format!("web-log | logged: REPORT web {abc} cwd=/run/s6/legacy-services/web PORT=8080\n"),
            "waiting | waiting finished\n",
            "cont-finish-1-bye | bye\n",
        ]);
        log.has(&format!("checked | REPORT checked {scripts} cwd=/run/s6/legacy-services/checked MODE=\n"));
        log.has_in_order(&["waiting | checked is ready\n", "waiting | true\n"]);
        log.has("made for s6-overlay 2, which would set the execute bits of its scripts");
        assert_eq!(log.text.matches("made for s6-overlay 2").count(), 1, "{}", log.text);
        log.has_not("is not executable");
        log.has_not("has no execute bit");
        log.ended_with(3);
    });
}

#[test]
fn a_service_that_a_script_gives_away_is_held_back_where_it_could() {
    in_modes("", "held-back", (Mode::can_give_away, &["REPORT old", "web: failed: held back: "]), |log| {
        log.has("old | REPORT old uid=0 ");
        log.has("users other than root could have written it, which s6-overlay runs all the same: /etc/services.d/web/run is ");
        log.has_not("REPORT web");
        log.ended_with(0);
    });
    in_modes("", "held-back", (|mode| !mode.can_give_away(), &["REPORT old", "REPORT web"]), |log| {
        let uid = log.mode.script_uid();
        log.has(&format!("web | REPORT web uid={uid} "));
        log.has_not("held back");
        log.ended_with(0);
    });
}

#[test]
fn an_add_on_in_execline_and_bashio() {
    in_every_mode("addon", &["REPORT addon", "REPORT execline"], |log| {
        let Mode { scripts, abc, .. } = log.mode;
        log.has_in_order(&[
            "init-addon | [info] Configuring in mode test\n",
            "addon | [info] Starting the add-on addon\n",
            &format!("addon | REPORT addon {abc} cwd=/run/s6-rc/servicedirs/addon MODE=test\n"),
            "addon | addon finished with 256\n",
        ]);
        log.has_in_order(&[
            "execline | execline starts\n",
            &format!("execline | REPORT execline {scripts} cwd=/srv WORD=test\n"),
        ]);
        log.ended_with(0);
    });
}
