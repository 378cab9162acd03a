//! One case, run both ways and compared.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::differences::{allowed, same_code};
use crate::support::docker::{Docker, Image, Run, must, program, stdout_and_stderr};

/// What a name would differ in.
const HOST: &str = "same";

/// The image, and its files unpacked.
pub struct Comparison {
    image: Image,
    root: tempfile::TempDir,
}

/// What came of one way.
struct Outcome {
    code: i32,
    records: Vec<Value>,
    /// Everything else that was said, without numbers that differ; sorted, because services run side by side.
    lines: Vec<String>,
}

impl Comparison {
    /// Unpacks the image; `None`, said as the other tests say it, where `try` cannot rehearse the whole.
    pub fn new(docker: &Docker) -> Option<Self> {
        let image = Image::recorder(docker);
        let root = tempfile::tempdir().expect("a temporary directory");
        let id = must(["create", image.tag()]);
        let script = "docker export \"$1\" | tar -x -C \"$2\" --exclude=usr/share --exclude=var/lib/dpkg";
        let unpacked = Command::new("sh").args(["-c", script, "sh", id.trim()]).arg(root.path()).status();
        must(["rm", id.trim()]);
        assert!(unpacked.is_ok_and(|status| status.success()), "the image cannot be unpacked");
        open(root.path());
        Some(Self { image, root })
    }

    /// Runs the case both ways, and returns what differs.
    pub fn compare(&self, case: &str) -> Vec<String> {
        let (flags, command) =
            match case.split_once("--\u{20}").or_else(|| case.strip_suffix("--").map(|flags| (flags, ""))) {
                Some((flags, command)) => (flags, command),
                None => (case, "recorder --places --exit 4"),
            };
        let docker = self.docker(flags, command);
        let rehearsed = self.rehearsed(flags, command);
        let mut found = Vec::new();
        if !same_code(docker.code, rehearsed.code) {
            found.push(format!("exit code: docker {}, try {}", docker.code, rehearsed.code));
        }
        // What an engine itself refuses it says in its own words.
        if docker.code != 125 && docker.lines != rehearsed.lines {
            found.push(format!(
                "lines: docker\n  {}\ntry\n  {}",
                docker.lines.join("\n  "),
                rehearsed.lines.join("\n  ")
            ));
        }
        if docker.records.len() != rehearsed.records.len() {
            found.push(format!("records: docker {}, try {}", docker.records.len(), rehearsed.records.len()));
        }
        for (left, right) in docker.records.iter().zip(&rehearsed.records) {
            differing(left, right, "", &mut |path_of, left, right| {
                if !allowed(path_of, flags) {
                    found.push(format!("{path_of}: docker {left}, try {right}"));
                }
            });
        }
        found.into_iter().map(|what| format!("[{case}] {what}")).collect()
    }

    fn docker(&self, flags: &str, command: &str) -> Outcome {
        let setup = CaseSetup::new();
        let flags = flags.replace("--no-new-privileges", "--security-opt no-new-privileges");
        let run =
            Run::new(&self.image).options("--network none --hostname").options(HOST).options(&setup.filled(&flags));
        let ended = run.words_of_command(command).ended();
        Outcome::new(ended.code, &ended.output)
    }

    fn rehearsed(&self, flags: &str, command: &str) -> Outcome {
        let setup = CaseSetup::new();
        let mut try_it = Command::new("timeout");
        try_it.args(["--kill-after=5", "60"]).arg(program()).args(["try", "--quiet", "--network", "none"]);
        try_it.args(["--hostname", HOST, "--root"]).arg(self.root.path());
        try_it.args(setup.filled(flags).split_whitespace()).arg("--").args(command.split_whitespace());
        try_it.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").current_dir("/").stdin(Stdio::null());
        let output = try_it.output().expect("timeout(1) is in every Debian");
        let outcome = Outcome::new(output.status.code().unwrap_or(-1), &stdout_and_stderr(&output));
        setup.check_untouched();
        outcome
    }
}

impl Outcome {
    fn new(code: i32, output: &str) -> Self {
        let (records, lines): (Vec<&str>, Vec<&str>) = output.lines().partition(|line| line.contains("RECORD {"));
        let mut records: Vec<Value> = records.into_iter().map(record).collect();
        records.sort_by_key(|record| record["environment"]["NAME"].to_string());
        let mut lines: Vec<String> = lines.into_iter().map(without_numbers).collect();
        lines.sort();
        Self { code, records, lines }
    }
}

/// The recorder's record, alone or as a log line's text.
fn record(line: &str) -> Value {
    let text = match serde_json::from_str::<Value>(line) {
        Ok(json) => json["line"].as_str().unwrap_or_default().to_owned(),
        Err(_) => line.to_owned(),
    };
    let (_, json) = text.split_once("RECORD ").expect("it is the recorder's line");
    serde_json::from_str(json).unwrap_or_else(|cause| panic!("not a record ({cause}): {line}"))
}

/// "after 5ms", "pid 9" and a JSON line's time differ from run to run. Where a volume lies on the host is known in a real
/// container alone: `try` shows a copy-on-write view of it.
fn without_numbers(line: &str) -> String {
    let line = match line.split_once("on the host: `chown ") {
        Some((before, rest)) => {
            let words: Vec<&str> = rest.split('`').next().unwrap_or_default().split(' ').collect();
            let whom = words.iter().filter(|word| !word.starts_with('/')).copied().collect::<Vec<_>>().join(" ");
            let after = rest.split_once("; or").map_or("", |(_, after)| after);
            format!("{before}on the host: chown {whom} VOLUME{after}")
        }
        None => line.to_owned(),
    };
    let line = match line.split_once("\"time\":\"") {
        Some((before, rest)) => format!("{before}{}", rest.split_once('"').map_or("", |(_, rest)| rest)),
        None => line,
    };
    let mut words: Vec<&str> = line.split(' ').collect();
    for path_of in 1..words.len() {
        if ["after", "pid"].contains(&words[path_of - 1])
            && words[path_of].starts_with(|first: char| first.is_ascii_digit())
        {
            words[path_of] = "N";
        }
    }
    words.join(" ")
}

/// Calls `tell` for each leaf in which two values differ, with its path.
fn differing(left: &Value, right: &Value, path_of: &str, tell: &mut impl FnMut(&str, &Value, &Value)) {
    match (left, right) {
        (Value::Object(ones), Value::Object(others)) => {
            let mut keys: Vec<&String> = ones.keys().chain(others.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let missing = Value::Null;
                let of = |map: &serde_json::Map<String, Value>| map.get(key).unwrap_or(&missing).clone();
                differing(&of(ones), &of(others), &format!("{path_of}/{key}"), tell);
            }
        }
        _ if left == right => {}
        _ => tell(path_of, left, right),
    }
}

/// What a case is given of the host, new for each run.
struct CaseSetup {
    top: tempfile::TempDir,
}

impl CaseSetup {
    fn new() -> Self {
        let top = tempfile::tempdir().expect("a temporary directory");
        open(top.path());
        let path_of = |name: &str| -> PathBuf { top.path().join(name) };
        let write = |name: &str, text: &str| fs::write(path_of(name), text).expect("an empty directory takes files");
        for directory in ["volume", "tree"] {
            fs::create_dir(path_of(directory)).expect("an empty directory takes another");
            open(&path_of(directory));
        }
        write("volume/kept", "as it was");
        std::os::unix::fs::chown(path_of("volume/kept"), Some(4321), Some(4321)).expect("Docker's tests run as root");
        let service = |name: &str, more: &str| {
            let text = format!(
                "type = \"oneshot\"\nessential = false\ncommand = [\"recorder\", \"--places\", \"--exit\", \"0\"]\nenvironment = {{ NAME = \"{name}\" }}\n{more}"
            );
            write(&format!("tree/{name}.toml"), &text);
        };
        service("first", "user = \"root\"\n");
        service("plain", "requires = [\"first\"]\n");
        service("other", "user = \"daemon\"\n");
        service("low", "capabilities = [\"NET_BIND_SERVICE\"]\n");
        service(
            "limited",
            "limits = { nofile = 64 }\nnice = 5\numask = \"077\"\noom_score_adj = 500\ndirectory = \"/tmp\"\n",
        );
        service("last", "requires = [\"plain\"]\nclear_environment = true\nuser = \"1:2\"\ngroups = [\"44\"]\n");
        Self { top }
    }

    fn filled(&self, flags: &str) -> String {
        let path = |name: &str| self.top.path().join(name).display().to_string();
        flags.replace("VOLUME", &path("volume")).replace("TREE", &path("tree"))
    }

    /// Checks that a rehearsal left the volume alone.
    #[track_caller]
    fn check_untouched(&self) {
        use std::os::unix::fs::MetadataExt;
        let owner = |name: &str| fs::metadata(self.top.path().join(name)).map(|meta| (meta.uid(), meta.gid())).ok();
        assert_eq!((owner("volume"), owner("volume/kept")), (Some((0, 0)), Some((4321, 4321))));
        let entries = fs::read_dir(self.top.path().join("volume")).map(Iterator::count).unwrap_or_default();
        assert_eq!(entries, 1, "a rehearsal wrote to the host");
    }
}

/// tempfile creates directories 0700; a container's user is somebody else.
fn open(directory: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).expect("it is ours");
}
