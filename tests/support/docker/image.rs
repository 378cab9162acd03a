//! Images for tests. Each is built from the files that users get, with a binary and base images handed in, and tagged
//! by a hash of everything that went into it: whoever comes second finds it made.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::Hasher;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nix::fcntl::{Flock, FlockArg};

use super::{BUILD_PATIENCE, docker, label, must, must_within};
use crate::support::programs::recorder;

/// A tag that `docker run` takes.
#[derive(Clone, Debug)]
pub struct Image(String);

impl Image {
    /// Returns the demo image: the Dockerfile at the top, which finds the binary ready in its build base.
    pub fn demo(_: &super::Docker) -> Self {
        let root = root();
        let parts = ["Dockerfile", "services.d"].map(|part| root.join(part));
        let args = || [("BUILD_BASE", prebuilt().0), ("BASE", base())];
        Self::once("demo", hash(&parts), |tag| build(&root, None, tag, &args()))
    }

    /// Returns the image of one of `examples/`.
    pub fn example(docker: &super::Docker, name: &str) -> Self {
        let context = root().join("examples").join(name);
        let args = || [("STEPDOWN", Self::demo(docker).0), ("BASE", base())];
        let name = format!("example-{name}");
        Self::once(&name, hash(std::slice::from_ref(&context)), |tag| build(&context, None, tag, &args()))
    }

    /// Returns an image without services, to which a test gives a tree or a main command.
    pub fn plain(docker: &super::Docker) -> Self {
        Self::example(docker, "command")
    }

    /// Returns the image of `tests/docker/environments`, with the recorder in it: one for every environment.
    pub fn environments(docker: &super::Docker) -> Self {
        let (files, recorder) = (root().join("tests/docker/environments"), recorder());
        let args = || [("STEPDOWN", Self::demo(docker).0), ("BASE", base())];
        Self::once("environments", hash(&[files.clone(), recorder.clone()]), |tag| {
            let context = tempfile::tempdir().expect("a temporary directory");
            for file in files_below(&files) {
                let to = context.path().join(file.strip_prefix(&files).expect("it lies there"));
                fs::create_dir_all(to.parent().expect("the context")).expect("a directory of ours takes another");
                fs::copy(&file, to).expect("it was just listed");
            }
            fs::copy(recorder, context.path().join("recorder")).expect("its path was just asked for");
            build(context.path(), None, tag, &args());
        })
    }

    /// Returns the image of a directory of `tests/fixtures/s6`.
    pub fn s6(docker: &super::Docker, name: &str) -> Self {
        let fixtures = root().join("tests/fixtures/s6");
        let (image, shared) = (fixtures.join(name), ["Dockerfile", "report"].map(|file| fixtures.join(file)));
        let args = || [("STEPDOWN", Self::demo(docker).0), ("BASE", base())];
        let sources = [&shared[..], std::slice::from_ref(&image)].concat();
        Self::once(&format!("s6-{name}"), hash(&sources), |tag| {
            let context = tempfile::tempdir().expect("a temporary directory");
            let copy = |file: &Path, to: PathBuf| {
                fs::create_dir_all(to.parent().expect("the context")).expect("a directory of ours takes another");
                fs::copy(file, to).expect("it was just listed");
            };
            for file in files_below(&image) {
                let within = file.strip_prefix(&image).expect("it lies there");
                copy(&file, context.path().join("image").join(within));
            }
            shared.iter().for_each(|file| copy(file, context.path().join(file.file_name().expect("a file"))));
            build(context.path(), None, tag, &args());
        })
    }

    /// Returns the image of such a directory with the files that `import` wrote for it, and without the directories that it says
    /// are to be removed.
    pub fn s6_imported(docker: &super::Docker, name: &str, written: &Path, removed: &str) -> Self {
        let from = Self::s6(docker, name);
        let removal = if removed.is_empty() { String::new() } else { format!("RUN rm -r {removed}\n") };
        let dockerfile =
            format!("FROM {}\n{removal}COPY services.d /etc/services.d\nCOPY stepdown.toml /etc/\n", from.tag());
        fs::write(written.join("Dockerfile"), dockerfile).expect("the directory is the test's");
        let files = hash(&[written.to_owned()]);
        Self::once(&format!("s6-imported-{name}"), files, |tag| build(written, None, tag, &[]))
    }

    /// Returns an image that holds the binary, a static payload and nothing else.
    pub fn scratch(docker: &super::Docker, scratch: &Scratch) -> Self {
        let args = || [("STEPDOWN", Self::demo(docker).0)];
        let files = scratch.context.path();
        Self::once("scratch", hash(&[files.to_owned()]), |tag| build(files, None, tag, &args()))
    }

    /// Returns the base image with the binary as entry point, the recorder (tests/support/recorder.rs), and a container file that
    /// declares `/config` and `/run/app`.
    pub fn recorder(docker: &super::Docker) -> Self {
        let context = tempfile::tempdir().expect("a temporary directory");
        let path_of = |name: &str| context.path().join(name);
        fs::copy(recorder(), path_of("recorder")).expect("its path was just asked for");
        let container = "[app]\nhome = \"/config\"\n[[own]]\npath = \"/config\"\ncreate = true\n\
             [[directory]]\npath = \"/run/app\"\n";
        fs::write(path_of("stepdown.toml"), container).expect("an empty directory takes a file");
        let dockerfile = "ARG STEPDOWN\nARG BASE\nFROM ${STEPDOWN} AS stepdown\nFROM ${BASE}\n\
             COPY --from=stepdown /usr/bin/stepdown /usr/bin/stepdown\nCOPY recorder /usr/local/bin/recorder\n\
             COPY stepdown.toml /etc/stepdown.toml\n\
             ENTRYPOINT [\"/usr/bin/stepdown\", \"init\", \"--\"]\nSTOPSIGNAL SIGTERM\n";
        fs::write(path_of("Dockerfile"), dockerfile).expect("the same directory takes another");
        let args = [("STEPDOWN", Self::demo(docker).0), ("BASE", base())];
        let files = context.path().to_owned();
        Self::once("recorder", hash(std::slice::from_ref(&files)), |tag| build(&files, None, tag, &args))
    }

    pub fn tag(&self) -> &str {
        &self.0
    }

    /// Builds it unless it is there. One at a time: the other test processes want the same images.
    fn once(name: &str, hash: u64, build: impl FnOnce(&str)) -> Self {
        let image = Self(format!("stepdown-test/{name}:{hash:016x}"));
        let lock = File::create(std::env::temp_dir().join(format!("stepdown-test-build-{name}.lock")))
            .expect("the directory for temporary files takes one");
        let _held = Flock::lock(lock, FlockArg::LockExclusive).expect("nobody holds it for ever");
        if !docker(["image", "inspect", &image.0]).is_ok_and(|output| output.status.success()) {
            build(&image.0);
        }
        image
    }
}

/// The files of an image FROM scratch.
pub struct Scratch {
    context: tempfile::TempDir,
}

impl Scratch {
    /// Compiles `source`, a Rust file without dependencies, into the static payload `/payload`.
    ///
    /// # Panics
    /// If it does not compile.
    pub fn with_payload(source: &str) -> Self {
        let context = tempfile::tempdir().expect("a temporary directory");
        let payload = context.path().join("payload");
        let source_file = context.path().join("payload.rs");
        fs::write(&source_file, source).expect("an empty directory takes a file");
        let status = std::process::Command::new("rustc")
            .args(["--edition=2024", "-Copt-level=1", "-Cstrip=symbols", "-Ctarget-feature=+crt-static", "-o"])
            .args([&payload, &source_file])
            .status();
        assert!(status.is_ok_and(|status| status.success()), "rustc does not compile the payload");
        let dockerfile = "ARG STEPDOWN\nFROM ${STEPDOWN} AS stepdown\nFROM scratch\n\
             COPY --from=stepdown /usr/bin/stepdown /stepdown\nCOPY payload /payload\n\
             ENTRYPOINT [\"/stepdown\", \"init\", \"--\"]\nCMD [\"/payload\"]\n";
        fs::write(context.path().join("Dockerfile"), dockerfile).expect("the same directory takes another");
        Self { context }
    }
}

/// Returns the base image that `.ci/bases` makes.
pub fn base() -> String {
    std::env::var("STEPDOWN_TEST_BASE").unwrap_or_else(|_| "stepdown-test/debian:bookworm".to_owned())
}

/// Returns the binary that `.ci/static` builds.
pub fn binary() -> PathBuf {
    if let Some(given) = std::env::var_os("STEPDOWN_TEST_BINARY") {
        return given.into();
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join(format!("{}-unknown-linux-gnu/release/stepdown", std::env::consts::ARCH))
}

/// Returns why the binary cannot be used: a stale one would test what is not there any more.
pub fn binary_problem() -> Option<String> {
    let built = match fs::metadata(binary()).and_then(|meta| meta.modified()) {
        Ok(built) => built,
        Err(error) => {
            return Some(format!("there is no static binary {} ({error}); .ci/static builds it", binary().display()));
        }
    };
    let newest = newest(&root().join("src"));
    (newest > built)
        .then(|| format!("the static binary {} is older than src; .ci/static builds it", binary().display()))
}

/// Returns the top of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The build base of the Dockerfile at the top, with the binary in the place where it takes one that is already built.
fn prebuilt() -> Image {
    let binary = binary();
    Image::once("prebuilt", hash(std::slice::from_ref(&binary)), |tag| {
        let context = tempfile::tempdir().expect("a temporary directory");
        fs::copy(&binary, context.path().join("stepdown")).expect("its existence was checked");
        let dockerfile = context.path().join("Dockerfile");
        fs::write(&dockerfile, "ARG BASE\nFROM ${BASE}\nCOPY stepdown /stepdown\n").expect("an empty directory");
        build(context.path(), Some(&dockerfile), tag, &[("BASE", base())]);
    })
}

fn build(context: &Path, dockerfile: Option<&Path>, tag: &str, args: &[(&str, String)]) {
    let mut words: Vec<String> = ["build", "-q", "--label", &label(), "-t", tag].map(str::to_owned).to_vec();
    for (name, value) in args {
        words.extend(["--build-arg".to_owned(), format!("{name}={value}")]);
    }
    if let Some(file) = dockerfile {
        words.extend(["-f".to_owned(), file.display().to_string()]);
    }
    words.push(context.display().to_string());
    must_within(BUILD_PATIENCE, words);
}

/// Hashes the binary, the base and every file below `paths`, with names and contents.
fn hash(paths: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(must(["image", "inspect", "--format", "{{.Id}}", &base()]).as_bytes());
    hasher.write(&fs::read(binary()).expect("its existence was checked"));
    let mut files: Vec<PathBuf> = paths.iter().flat_map(|path| files_below(path)).collect();
    files.sort();
    for file in files {
        hasher.write(file.file_name().map(|name| name.as_encoded_bytes()).unwrap_or_default());
        hasher.write(&fs::read(&file).expect("it was just listed"));
    }
    hasher.finish()
}

fn newest(path: &Path) -> SystemTime {
    files_below(path)
        .iter()
        .filter_map(|file| fs::metadata(file).and_then(|meta| meta.modified()).ok())
        .max()
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Returns the file, or every file below the directory.
fn files_below(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.flat_map(|entry| files_below(&entry.path())).collect()
}
