//! Secrets in the real binary as the real PID 1: who finds the value in its environment, and that nobody else is told.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Command, Output};

use crate::support::try_container::{INSIDE, LIMIT, Running, TryContainer, possible};

const VALUE: &str = "correct horse battery";
const OTHER: &str = "staple of another kind";
const SLEEP: &str = "command = [\"sleep\", \"600\"]\n";

/// A directory with files of these names and values.
fn files(all: &[(&str, &str)]) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for (name, value) in all {
        fs::write(place.path().join(name), value).unwrap();
        fs::set_permissions(place.path().join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    place
}

fn app() -> TryContainer {
    TryContainer::new().env("PUID", "1234").env("PGID", "2345")
}

/// Runs a program as root inside.
fn inside(running: &Running, words: &[&str]) -> Output {
    let target = running.pid_one().to_string();
    let mut command = Command::new("nsenter");
    command.args(["--target", &target, "--mount", "--pid", "--"]).args(words);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output().unwrap()
}

fn text_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// What a process has in its environment.
fn environment(running: &Running, pid: &str) -> String {
    let output = inside(running, &["cat", &format!("/proc/{pid}/environ")]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().replace('\0', "\n")
}

fn pid_of(running: &Running, service: &str) -> String {
    let up = running.wait_for_line(|line| line.contains(&format!("{service}: up, pid ")), LIMIT);
    up.split("pid ").nth(1).unwrap().split(',').next().unwrap().to_owned()
}

#[test]
fn only_who_gets_a_secret_has_it_and_no_output_has_it() {
    if !possible() {
        return;
    }
    let place = files(&[("db", &format!("{VALUE}\n")), ("api", OTHER)]);
    let running = app()
        .container_toml("[secrets]\nfrom_files = { DB_PASSWORD = \"/secrets/db\" }\n")
        .env("FILE__API_KEY", "/secrets/api")
        .env("STEPDOWN_LOG", "debug")
        .volume(place.path(), "/secrets")
        .service("asks.toml", &format!("{SLEEP}secrets = [\"DB_PASSWORD\"]\n"))
        .service("plain.toml", SLEEP)
        .service("daemon.toml", &format!("{SLEEP}user = \"daemon\"\n"))
        .start();
    let (asks, plain, daemon) = (pid_of(&running, "asks"), pid_of(&running, "plain"), pid_of(&running, "daemon"));
    let has = |pid: &str, text: &str| environment(&running, pid).lines().any(|line| line == text);
    let (password, key) = (format!("DB_PASSWORD={VALUE}"), format!("API_KEY={OTHER}"));
    assert!(has(&asks, &password), "{}", environment(&running, &asks));
    assert!(has(&plain, &key), "{}", environment(&running, &plain));
    for (pid, value) in [(&asks, OTHER), (&plain, VALUE), (&daemon, VALUE), (&daemon, OTHER)] {
        let all = environment(&running, pid);
        assert!(!all.contains(value), "{all}");
    }
    let first = environment(&running, "1");
    assert!(!first.contains(VALUE) && !first.contains(OTHER), "{first}");
    for words in [
        &["status", "--json"][..],
        &["env", "asks"],
        &["env", "--show-secrets", "asks"],
        &["env", "--show-secrets", "plain"],
        &["plan", "--json"],
        &["plan"],
        &["check"],
        &["doctor"],
        &["timings"],
        &["reload"],
        &["logs", "asks"],
    ] {
        let text = text_of(&inside(&running, &[&[INSIDE], words].concat()));
        assert!(!text.contains(VALUE) && !text.contains(OTHER), "{words:?}: {text}");
        assert!(words[0] != "env" || text.contains("=(hidden)\n"), "{words:?}: {text}");
    }
    let ended = running.stop();
    assert!(!ended.lines.iter().any(|line| line.text.contains(VALUE) || line.text.contains(OTHER)), "{ended:#?}");
}

#[test]
fn a_started_helper_and_a_restarted_run_have_it_too() {
    if !possible() {
        return;
    }
    let place = files(&[("db", VALUE)]);
    let script = "test \"$DB_PASSWORD\" = 'correct horse battery'";
    let running = app()
        .container_toml("[secrets]\nfrom_files = { DB_PASSWORD = \"/secrets/db\" }\n")
        .volume(place.path(), "/secrets")
        .service(
            "web.toml",
            &format!("{SLEEP}secrets = [\"DB_PASSWORD\"]\nready = {{ command = [\"sh\", \"-c\", '''{script}'''] }}\n"),
        )
        .start();
    let first = pid_of(&running, "web");
    assert!(text_of(&inside(&running, &[INSIDE, "restart", "web"])).starts_with("web: up, pid "));
    let status = text_of(&inside(&running, &[INSIDE, "status", "--json", "web"]));
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let second = status["services"][0]["pid"].to_string();
    assert_ne!(first, second);
    assert!(environment(&running, &second).contains(VALUE));
    running.stop().expect(0);
}

#[test]
fn without_its_file_a_listed_secret_ends_the_boot_and_a_variables_one_is_named() {
    if !possible() {
        return;
    }
    let listed = "[secrets]\nfrom_files = { DB_PASSWORD = \"/secrets/db\" }\n";
    let ended = app().container_toml(listed).service("web.toml", SLEEP).run().expect(100);
    let message = "/etc/stepdown.toml:2: the secret `DB_PASSWORD`: /secrets/db is missing; mount it: `docker run -v \
                ./db:/secrets/db:ro`, or `secrets:` in compose";
    assert!(ended.lines.iter().any(|line| line.text.contains(message)), "{ended:#?}");
    let running = app().env("FILE__API_KEY", "/secrets/api").service("web.toml", SLEEP).start();
    let message = "skipped secret API_KEY: FILE__API_KEY: /secrets/api is missing; services start without `API_KEY`";
    running.wait_for_line(|line| line.contains(message), LIMIT);
    let web = pid_of(&running, "web");
    assert!(!environment(&running, &web).contains("\nAPI_KEY="));
    running.stop().expect(0);
}

#[test]
fn who_can_place_links_leads_root_to_no_file_of_others() {
    if !possible() {
        return;
    }
    let place = files(&[("roots", VALUE)]);
    let mine = files(&[("own", OTHER)]);
    for path in [mine.path().to_owned(), mine.path().join("own")] {
        chown(path, Some(1234), Some(2345)).unwrap();
    }
    symlink(Path::new("/secrets/roots"), mine.path().join("link")).unwrap();
    let running = app()
        .env("FILE__STOLEN", "/data/link")
        .env("FILE__OWN", "/data/own")
        .volume(place.path(), "/secrets")
        .volume(mine.path(), "/data")
        .service("web.toml", SLEEP)
        .start();
    running
        .wait_for_line(|line| line.contains("cannot read the secret `STOLEN` in /data/link: Permission denied"), LIMIT);
    let web = pid_of(&running, "web");
    let all = environment(&running, &web);
    assert!(!all.contains(VALUE) && all.contains(&format!("OWN={OTHER}")), "{all}");
    running.stop().expect(0);
}

#[test]
fn under_user_it_is_read_as_that_user() {
    if !possible() {
        return;
    }
    let place = files(&[("api", OTHER), ("closed", VALUE)]);
    chown(place.path().join("api"), Some(4321), None).unwrap();
    let running = TryContainer::new()
        .user("4321:4321")
        .env("FILE__API_KEY", "/secrets/api")
        .env("FILE__CLOSED", "/secrets/closed")
        .volume(place.path(), "/secrets")
        .service("web.toml", SLEEP)
        .start();
    running
        .wait_for_line(|line| line.contains("FILE__CLOSED: /secrets/closed cannot be read: Permission denied"), LIMIT);
    let web = pid_of(&running, "web");
    assert!(environment(&running, &web).contains(&format!("API_KEY={OTHER}")));
    running.stop().expect(0);
}
