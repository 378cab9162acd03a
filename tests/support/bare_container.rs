//! A container made by hand, with unshare(1): the real binary as a real PID 1 in a root of the test's own making, however
//! broken. Where a [`TryContainer`] is a good one, this one has what a test leaves in it. Everything lies on a tmpfs in a mount
//! namespace of its own.
//!
//! [`TryContainer`]: crate::support::try_container::TryContainer

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::support::try_container::{Ended, LIMIT, Running};

/// In the new mount and PID namespace, in the new root; `$0` is the directory around it, `$1` the binary.
const LAY_OUT: &str = r#"
mount --make-rprivate /
mkdir "$0/root"
mount -t tmpfs -o "mode=0755,$SIZE" tmpfs "$0/root"
cd "$0/root"
mkdir -p usr proc dev etc/services.d run tmp out
chmod 1777 tmp
for name in bin sbin lib lib64; do [ ! -L "/$name" ] || cp -a "/$name" .; done
mount --bind /usr usr
touch stepdown dev/null
mount --bind "$1" stepdown
mount --bind /dev/null dev/null
mount --bind "$0/out" out
mount -t proc proc proc
cp -r "$0/etc" .
echo root:x:0:0:root:/root:/bin/sh > etc/passwd
echo root:x:0: > etc/group
"#;

/// A container to be.
pub struct BareContainer {
    home: tempfile::TempDir,
    size: String,
    before: String,
    inside: String,
    who: String,
    variables: Vec<(String, String)>,
    closed: Vec<i32>,
    command: Vec<String>,
    unshare: Vec<&'static str>,
    under: Vec<String>,
    program: PathBuf,
}

impl BareContainer {
    /// A small Debian with `/proc`, `/dev/null`, `/run`, `/tmp`, a root account and an empty tree; `/out` is this test's.
    pub fn new() -> Self {
        let home = tempfile::Builder::new().prefix("stepdown-bare-").tempdir().expect("a temporary directory");
        fs::create_dir_all(home.path().join("etc/services.d")).expect("it is empty");
        fs::create_dir(home.path().join("out")).expect("it is empty");
        for path in [home.path().to_owned(), home.path().join("out")] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("it is ours");
        }
        Self {
            home,
            size: "size=8m".to_owned(),
            before: String::new(),
            inside: String::new(),
            who: String::new(),
            variables: Vec::new(),
            closed: Vec::new(),
            command: Vec::new(),
            unshare: Vec::new(),
            under: Vec::new(),
            program: crate::support::try_container::program(),
        }
    }

    /// A file below `/etc`.
    pub fn etc(self, name: &str, text: &str) -> Self {
        let path = self.home.path().join("etc").join(name);
        fs::create_dir_all(path.parent().expect("it lies in /etc")).expect("it can be created");
        fs::write(path, text).expect("it can be written");
        self
    }

    /// Options of the root's tmpfs: `size=400k`, `nr_inodes=50`.
    pub fn size(mut self, options: &str) -> Self {
        options.clone_into(&mut self.size);
        self
    }

    /// Shell that breaks the root, from outside, in its top directory.
    pub fn broken(mut self, script: &str) -> Self {
        writeln!(self.before, "{script}").expect("a String takes all");
        self
    }

    /// Shell inside, right before PID 1 is executed in its place.
    pub fn inside(mut self, script: &str) -> Self {
        writeln!(self.inside, "{script}").expect("a String takes all");
        self
    }

    /// As a user without capabilities.
    pub fn user(mut self, uid: u32, gid: u32, groups: &str) -> Self {
        let groups = if groups.is_empty() { "--clear-groups".to_owned() } else { format!("--groups {groups}") };
        self.who = format!("setpriv --reuid {uid} --regid {gid} {groups} --inh-caps=-all");
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// PUID=1234, PGID=2345.
    pub fn app(self) -> Self {
        self.env("PUID", "1234").env("PGID", "2345")
    }

    /// Descriptors that PID 1 begins without.
    pub fn closed(mut self, descriptors: &[i32]) -> Self {
        self.closed = descriptors.to_vec();
        self
    }

    /// The main command.
    pub fn command(mut self, words: &[&str]) -> Self {
        self.command = words.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// More of `unshare`: `--map-root-user`.
    pub fn unshare(mut self, flags: &[&'static str]) -> Self {
        self.unshare = flags.to_vec();
        self
    }

    /// A program that runs it all: `strace -f …`.
    pub fn wrapped_in(mut self, words: &[&str]) -> Self {
        self.under = words.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Another program as PID 1, which is called as the binary is.
    pub fn program(mut self, path: PathBuf) -> Self {
        self.program = path;
        self
    }

    /// Where `/out` is, seen from here.
    pub fn out(&self) -> PathBuf {
        self.home.path().join("out")
    }

    pub fn run(self) -> Ended {
        self.start().wait(LIMIT)
    }

    pub fn start(self) -> Running {
        let closed: String = self.closed.iter().map(|fd| format!(" {fd}>&-")).collect();
        // `env -i` gives PID 1 these variables and no others; the words come from a file, because there may be many.
        let words: Vec<String> =
            self.variables.iter().map(|(name, value)| quoted(&format!("{name}={value}"))).collect();
        let command: Vec<String> = self.command.iter().map(|word| quoted(word)).collect();
        let enter = format!(
            "{}exec {} env -i {} /stepdown init -- {}{closed}\n",
            self.inside,
            self.who,
            words.join(" "),
            command.join(" ")
        );
        fs::write(self.home.path().join("out/enter"), enter).expect("it can be written");
        let script = format!("{LAY_OUT}{}\ncd /\nexec chroot \"$0/root\" /bin/sh -e /out/enter\n", self.before);
        let mut words = self.under.iter().map(String::as_str).chain(["unshare"]);
        let mut child = Command::new(words.next().unwrap_or("unshare"));
        child.args(words);
        child.args(&self.unshare).args(["--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "sh", "-ec"]);
        child.arg(script).arg(self.home.path()).arg(&self.program);
        child.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("SIZE", &self.size);
        child.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running::watch(child.spawn().expect("unshare is everywhere"), self.home)
    }
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
