//! What the boot prints as a fix, pasted: each of its ways is taken alone, and the next boot has nothing left to say of it.
//! What only Docker's own files can be told (`compose:`, a Dockerfile) is not: the flags beside it say the same.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::try_container::{Origin, TryContainer, possible};

/// A container as somebody starts it, and the directory of the host from which.
struct Container {
    user: Option<&'static str>,
    read_only: bool,
    own: Option<&'static str>,
    create: bool,
    optional: bool,
    volumes: Vec<(PathBuf, String)>,
    flags: Vec<String>,
    host: tempfile::TempDir,
}

impl Container {
    fn new() -> Self {
        let host = tempfile::tempdir().unwrap();
        fs::set_permissions(host.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self {
            user: None,
            read_only: false,
            own: None,
            create: false,
            optional: false,
            volumes: Vec::new(),
            flags: Vec::new(),
            host,
        }
    }

    fn user(self) -> Self {
        Self { user: Some("1234:2345"), ..self }
    }

    fn read_only(self) -> Self {
        Self { read_only: true, ..self }
    }

    fn own(self, path: &'static str) -> Self {
        Self { own: Some(path), ..self }
    }

    /// A directory of the host's root.
    fn volume(mut self, at: &str) -> Self {
        self.volumes.push((self.directory("volume"), at.to_owned()));
        self
    }

    fn directory(&self, name: &str) -> PathBuf {
        let path = self.host.path().join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    /// Boots it, and returns what it says.
    fn boot(&self) -> String {
        let mut container = match self.user {
            Some(user) => TryContainer::new().user(user),
            None => TryContainer::new().env("PUID", "1234").env("PGID", "2345"),
        };
        if self.read_only {
            container = container.read_only();
        }
        if let Some(path) = self.own {
            let create = if self.create { "create = true\n" } else { "" };
            let optional = if self.optional { "optional = true\n" } else { "" };
            container = container.container_toml(&format!("[[own]]\npath = \"{path}\"\n{create}{optional}"));
        }
        for (host, at) in &self.volumes {
            container = container.volume(host, at);
        }
        for flag in &self.flags {
            container = container.flag(flag);
        }
        container.command(&["/bin/true"]).run().expect(0).text(Origin::Err)
    }

    /// Does what one way says, as somebody who pastes it; `false`: nothing in it can be pasted here.
    fn paste(&mut self, way: &str) -> bool {
        let mut pasted = false;
        let mut before = "";
        for (at, text) in way.split('`').enumerate() {
            if at % 2 == 0 {
                before = text;
                continue;
            }
            // The same for others, which `docker run` is told beside it.
            if before.ends_with("compose: ") || before.ends_with("kubernetes: ") || before.ends_with("Dockerfile: ") {
                continue;
            }
            pasted |= self.paste_one(before, text);
        }
        pasted
    }

    fn paste_one(&mut self, before: &str, text: &str) -> bool {
        if text.starts_with("install ") {
            shell(self.host.path(), text);
        } else if text.starts_with("chown ") {
            assert!(before.ends_with("on the host: "), "{before}");
            let (volume, _) = self.volumes.first().unwrap();
            shell(self.host.path(), &format!("{text} {}", volume.display()));
        } else if let Some(volume) = text.strip_prefix("-v ") {
            let (from, to) = volume.trim_matches('"').split_once(':').unwrap();
            let from = match from.strip_prefix("$PWD/") {
                Some(path) => self.host.path().join(path),
                // A named volume: new, and root's.
                None => self.directory(from),
            };
            // Docker would create a directory of it, whatever was meant.
            assert!(from.exists(), "{} is not there", from.display());
            assert_eq!(from.is_dir(), !Path::new(to).is_file(), "{text}");
            self.volumes.push((from, to.to_owned()));
        } else if text == "--read-only" && before.ends_with("remove ") {
            self.read_only = false;
        } else if text == "create = true" {
            self.create = true;
        } else if text == "optional = true" {
            // The other half of "one or the other".
            self.optional = !self.create;
        } else if text.starts_with("--tmpfs ") || text.starts_with("--cap-add ") {
            self.flags.extend(text.split(' ').map(str::to_owned));
        } else {
            return false;
        }
        true
    }
}

fn shell(directory: &Path, command: &str) {
    let done = Command::new("sh").args(["-c", command]).current_dir(directory).status().unwrap();
    assert!(done.success(), "{command}: {done}");
}

/// The ways of the fix in the one line that says `trouble`.
fn fixes_of(text: &str, trouble: &str) -> Vec<String> {
    let line = text.lines().find(|line| line.contains(trouble)).unwrap_or_else(|| panic!("no {trouble} in:\n{text}"));
    let (_, fix) = line.split_once("; fix: ").unwrap();
    fix.split("; or ").map(str::to_owned).collect()
}

/// Takes every way alone, and returns how many could be taken.
fn every_way_helps(container: impl Fn() -> Container, trouble: &str) -> usize {
    let ways = fixes_of(&container().boot(), trouble);
    let helped = |way: &&String| {
        let mut next = container();
        if !next.paste(way) {
            return false;
        }
        let output = next.boot();
        assert!(!output.contains(trouble), "`{way}` was done, and then:\n{output}");
        true
    };
    ways.iter().filter(helped).count()
}

#[test]
fn a_read_only_root_without_a_volume() {
    if possible() {
        // A volume; no `--read-only`; the volume again, beside the Dockerfile's line.
        assert_eq!(every_way_helps(|| Container::new().read_only().own("/srv"), "skipped own /srv"), 3);
        // A directory of that user's, a tmpfs. Without `--read-only` the image's directory is still root's: not told.
        let container = || Container::new().user().read_only().own("/srv");
        assert_eq!(every_way_helps(container, "skipped own /srv"), 2);
        // It can be written by anybody: that helps as well.
        let container = || Container::new().user().read_only().own("/var/tmp");
        assert_eq!(every_way_helps(container, "skipped own /var/tmp"), 3);
    }
}

#[test]
fn a_directory_that_is_not_there() {
    if possible() {
        // A volume, `create = true`.
        assert_eq!(every_way_helps(|| Container::new().own("/data"), "skipped own /data"), 2);
        // A directory of that user's, a tmpfs, `optional = true`: it cannot create one in `/`.
        assert_eq!(every_way_helps(|| Container::new().user().own("/data"), "skipped own /data"), 3);
    }
}

#[test]
fn a_volume_of_roots_under_user() {
    if possible() {
        let container = || Container::new().user().own("/data").volume("/data");
        assert_eq!(every_way_helps(container, "skipped own /data"), 1);
    }
}

#[test]
fn a_file_on_a_read_only_root() {
    if possible() {
        assert_eq!(every_way_helps(|| Container::new().read_only().own("/etc/issue"), "skipped own /etc/issue"), 2);
        let container = || Container::new().user().read_only().own("/etc/issue");
        assert_eq!(every_way_helps(container, "skipped own /etc/issue"), 1);
    }
}

#[test]
fn a_log_directory_that_the_app_may_have_put_there() {
    if !possible() {
        return;
    }
    // Root's and not empty, in a directory of the app's.
    let host = tempfile::tempdir().unwrap();
    fs::create_dir(host.path().join("logs")).unwrap();
    fs::write(host.path().join("logs/older"), "").unwrap();
    for (path, mode) in [(host.path().to_owned(), 0o755), (host.path().join("logs"), 0o700)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    std::os::unix::fs::chown(host.path(), Some(1234), Some(2345)).unwrap();
    let boot = |file: &str, command: &[&str]| {
        let service =
            "type = \"oneshot\"\ncommand = [\"/bin/echo\", \"a line\"]\nlog = { directory = \"/vol/logs\" }\n";
        let container = TryContainer::new().env("PUID", "1234").env("PGID", "2345").volume(host.path(), "/vol");
        let container = container.container_toml(file).service("web.toml", service);
        container.command(command).run()
    };
    let before = boot("", &["/bin/cat", "/vol/logs/current"]).expect(1).text(Origin::Err);
    let help = before.lines().find(|line| line.contains("if it is the right one, write `")).unwrap();
    let (_, line) = help.split_once("write `").unwrap();
    let (line, _) = line.split_once("` into /etc/stepdown.toml").unwrap();
    // The process that writes the file may do so after the service has ended.
    let when_written = "until [ -s /vol/logs/current ]; do :; done; exec cat /vol/logs/current";
    let after = boot(line, &["/bin/sh", "-c", when_written]).expect(0);
    assert!(after.text(Origin::Out).contains("a line"), "{after:#?}");
    assert!(!after.text(Origin::Err).contains("cannot give"), "{after:#?}");
}
