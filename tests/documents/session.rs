//! A page, followed by a reader: its files are written into a directory and its commands run there, in the page's order.
//!
//! Where it runs there is a `docker` that reaches the test's daemon: `docker compose` is docker-compose 1.29, which Debian has, and the
//! image `stepdown` is the one that other tests use. `debian:bookworm-slim` in a file is the base image of the tests.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::blocks::{self, Block, Mode, Use};
use super::output;
use super::{Page, page, root};
use crate::support::docker::{self, DOCKER_TIMEOUT, Docker, Image, base};
use crate::support::programs::program;

/// For the whole of a command: images install packages.
const COMMAND_LIMIT: Duration = Duration::from_secs(570);

/// `docker`, as the page's commands find it.
const SHIM: &str = r#"#!/bin/bash
case $1 in
compose) shift; exec docker-compose "$@" ;;
run | create)
    verb=$1; shift
    words=()
    for word; do [ "$word" = stepdown ] && word=$STEPDOWN; words+=("$word"); done
    exec "$REAL_DOCKER" "$verb" --label "$LABEL" "${words[@]}" ;;
build) shift; exec "$REAL_DOCKER" build --label "$LABEL" "$@" ;;
esac
exec "$REAL_DOCKER" "$@"
"#;

/// A page that is being followed.
pub struct Session {
    top: tempfile::TempDir,
    /// The words that are replaced, and by what.
    replaced: Vec<(String, String)>,
    environment: Vec<(&'static str, String)>,
    uses_docker: bool,
}

/// Follows a page; says `SKIPPED (why)` if it needs what is not here.
pub fn follow(name: &str) {
    let page = page(name);
    let blocks = blocks::blocks(&page);
    let runs = |block: &&Block| matches!(block.used, Some(Use::Run(_)));
    assert!(blocks.iter().any(|block| runs(&block)), "{name} has no commands");
    let uses_docker = blocks.iter().filter(runs).any(|block| block.text.contains("docker "));
    let docker = if uses_docker {
        let Some(docker) = Docker::here_as_root() else { return };
        Some(docker)
    } else {
        None
    };
    let session = Session::new(&page, docker.as_ref());
    for block in &blocks {
        match &block.used {
            Some(Use::File(path)) => session.write(path, &block.text),
            Some(Use::Run(mode)) => session.run(&block.place, &block.text, *mode),
            Some(Use::Check { .. } | Use::Pod(_) | Use::Stack(_) | Use::Shown(_)) | None => {}
        }
    }
}

impl Session {
    fn new(page: &Page, docker: Option<&Docker>) -> Self {
        let top = tempfile::tempdir().unwrap();
        fs::set_permissions(top.path(), Permissions::from_mode(0o755)).unwrap();
        let path_of = |name: &str| top.path().join(name);
        for directory in ["bin", "page"] {
            fs::create_dir(path_of(directory)).unwrap();
        }
        symlink(program(), path_of("bin/stepdown")).unwrap();
        write_program(&path_of("bin/docker"), SHIM);
        let replaced = blocks::replaced_words(page).into_iter();
        let replaced = replaced.map(|word| match word.parse::<u16>() {
            Ok(_) => (word, docker::free_port().to_string()),
            Err(_) => (word.clone(), docker::unique(&word)),
        });
        let mut environment = vec![
            ("PATH", format!("{}:{}", path_of("bin").display(), std::env::var("PATH").unwrap())),
            ("HOME", top.path().display().to_string()),
            ("DOCKER_BUILDKIT", "0".to_owned()),
            ("COMPOSE_DOCKER_CLI_BUILD", "0".to_owned()),
        ];
        if let Some(docker) = docker {
            environment.push(("REAL_DOCKER", which("docker")));
            environment.push(("LABEL", docker::label()));
            environment.push(("COMPOSE_PROJECT_NAME", docker::unique("page")));
            environment.push(("STEPDOWN", Image::demo(docker).tag().to_owned()));
            environment.push(("BASE", base()));
        }
        let replaced = replaced.collect();
        let session = Self { top, replaced, environment, uses_docker: docker.is_some() };
        let beside = root().join(&page.name).parent().unwrap().to_owned();
        if page.name.starts_with("examples/") {
            session.copy_tree(&beside, Path::new(""));
        }
        session
    }

    fn directory(&self) -> PathBuf {
        self.top.path().join("page")
    }

    /// Puts the files of an example beside its page.
    fn copy_tree(&self, from: &Path, to: &Path) {
        for entry in fs::read_dir(from).unwrap() {
            let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
            if path.is_dir() {
                self.copy_tree(&path, &to);
            } else {
                self.write(&to.display().to_string(), &fs::read_to_string(&path).unwrap());
                fs::set_permissions(self.directory().join(&to), fs::metadata(&path).unwrap().permissions()).unwrap();
            }
        }
    }

    /// Returns a text with the words that are unique to this run.
    fn replace(&self, text: &str) -> String {
        self.replaced.iter().fold(text.to_owned(), |text, (word, by)| replace_word(&text, word, by))
    }

    /// Returns a text as the page would have it.
    fn replace_back(&self, text: &str) -> String {
        self.replaced.iter().fold(text.to_owned(), |text, (word, by)| text.replace(by, word))
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.directory().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut text = self.replace(text);
        for (name, value) in &self.environment {
            text = match *name {
                "STEPDOWN" => text.replace("--from=stepdown ", &format!("--from={value} ")),
                "BASE" => text.replace("FROM debian:bookworm-slim", &format!("FROM {value}")),
                _ => text,
            };
        }
        if text.starts_with("#!") { write_program(&path, &text) } else { fs::write(&path, text).unwrap() }
    }

    fn run(&self, place: &str, text: &str, mode: Mode) {
        let commands = output::commands(text);
        assert!(!commands.is_empty(), "{place} has no command");
        let last = commands.len() - 1;
        for (at, command) in commands.iter().enumerate() {
            let line = self.replace(&command.line);
            let is_as_expected = |text: &str| {
                let text = self.replace_back(text);
                let lines: Vec<&str> = text.lines().collect();
                command.expected.is_empty() || output::matches(&command.expected, &lines)
            };
            let begun = Instant::now();
            let (code, printed) = match mode {
                Mode::Exit(_) => self.output_of(&line),
                Mode::Interrupted => self.interrupted(&line, &is_as_expected),
                Mode::Eventually => loop {
                    let (code, printed) = self.output_of(&line);
                    if code == 0 && is_as_expected(&printed) || begun.elapsed() > DOCKER_TIMEOUT {
                        break (code, printed);
                    }
                    std::thread::sleep(Duration::from_millis(200));
                },
            };
            let expected_code = match mode {
                Mode::Exit(expected) if at == last => Some(expected),
                Mode::Exit(_) | Mode::Eventually => Some(0),
                Mode::Interrupted => None,
            };
            let printed_here = self.replace_back(&printed);
            assert!(
                expected_code.is_none_or(|expected| expected == code),
                "{place}: `{line}` ended with {code}:\n{printed_here}"
            );
            assert!(
                is_as_expected(&printed),
                "{place}: `{line}` does not print\n{}\nbut\n{printed_here}",
                command.expected.join("\n")
            );
        }
    }

    fn command(&self, line: &str, output: &File) -> Command {
        let mut command = Command::new("bash");
        command
            .args(["-o", "pipefail", "-c", line])
            .current_dir(self.directory())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output.try_clone().unwrap());
        // What the tests are told is not the reader's.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"STEPDOWN_")) {
            command.env_remove(name);
        }
        command
    }

    /// Runs a line to its end and returns its code and what it printed to both streams.
    fn output_of(&self, line: &str) -> (i32, String) {
        let path = self.top.path().join("output");
        let child = self.command(line, &File::create(&path).unwrap()).spawn().unwrap();
        let code = wait(child, COMMAND_LIMIT);
        (code, String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned())
    }

    /// Runs a line until it has printed what is expected, and interrupts it then.
    fn interrupted(&self, line: &str, is_as_expected: &dyn Fn(&str) -> bool) -> (i32, String) {
        let path = self.top.path().join("output");
        let printed = || String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        let mut child = self.command(line, &File::create(&path).unwrap()).spawn().unwrap();
        let begun = Instant::now();
        while !is_as_expected(&printed()) && begun.elapsed() < DOCKER_TIMEOUT && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(50));
        }
        let before = printed();
        let _gone = killpg(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT);
        (wait(child, DOCKER_TIMEOUT), before)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.uses_docker {
            return;
        }
        if self.directory().join("docker-compose.yml").exists() {
            let _ = self.output_of("docker-compose down --volumes --timeout 1 --rmi local");
        }
        for (_, name) in &self.replaced {
            let _ = self.output_of(&format!(
                "docker rm --force --volumes {name}; docker rmi --force {name}; docker volume rm --force {name}"
            ));
        }
    }
}

/// Waits for a child, and ends its whole process group if it takes too long.
fn wait(mut child: Child, limit: Duration) -> i32 {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap_or(-1);
        }
        if begun.elapsed() > limit {
            let _gone = killpg(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGKILL);
            let _reaped = child.wait();
            return -1;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Returns the path of a program.
fn which(name: &str) -> String {
    let path = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&path).map(|directory| directory.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("no {name} in PATH")).display().to_string()
}

fn write_program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

/// Replaces a word where it stands alone, not as a part of another word or at the end of a path.
fn replace_word(text: &str, word: &str, by: &str) -> String {
    let goes_on = |letter: char| letter.is_alphanumeric() || "-_.".contains(letter);
    let belongs_to_it = |letter: char| goes_on(letter) || letter == '/';
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(word) {
        let (before, after) = rest.split_at(at);
        let after = &after[word.len()..];
        out += before;
        let stands_alone = !out.ends_with(belongs_to_it) && !after.starts_with(goes_on);
        out += if stands_alone { by } else { word };
        rest = after;
    }
    out + rest
}

#[test]
fn a_word_is_replaced_where_it_stands_alone() {
    let text = "docker run --name web -v web-data:/web web:1 'web' web";
    assert_eq!(replace_word(text, "web", "x"), "docker run --name x -v web-data:/web x:1 'x' x");
    assert_eq!(replace_word("http://127.0.0.1:80/ 8080", "80", "9"), "http://127.0.0.1:9/ 8080");
}
