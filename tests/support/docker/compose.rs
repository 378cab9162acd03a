//! Compose files as users start them: `docker-compose up`, with the directory's own images built first in `examples/`.

use std::path::PathBuf;
use std::process::Output;

use super::container::Container;
use super::{BUILD_PATIENCE, Docker, Image, image, limited, stdout_and_stderr, unique};

/// A compose project of its own name; down, volumes included, when dropped.
pub struct Project {
    name: String,
    directory: PathBuf,
    file: String,
    variables: Vec<(String, String)>,
}

impl Project {
    /// Builds and starts an example, with variables for its compose file.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn up(docker: &Docker, example: &str, variables: &[(&str, &str)]) -> Self {
        let mut all =
            vec![("BASE".to_owned(), image::base()), ("STEPDOWN".to_owned(), Image::demo(docker).tag().to_owned())];
        all.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let directory = image::root().join("examples").join(example);
        let project = Self { name: unique(example), directory, file: "docker-compose.yml".to_owned(), variables: all };
        project.must(&["up", "--build", "-d"]);
        project
    }

    /// Starts a file of `tests/docker/compose`, with the image of every environment as its `IMAGE`.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn start(docker: &Docker, file: &str, variables: &[(&str, &str)]) -> Self {
        let mut all = vec![("IMAGE".to_owned(), Image::environments(docker).tag().to_owned())];
        all.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let directory = image::root().join("tests/docker/compose");
        let project = Self { name: unique("compose"), directory, file: file.to_owned(), variables: all };
        project.must(&["up", "-d"]);
        project
    }

    /// Starts it again with other variables; its volumes stay.
    pub fn up_again(&mut self, variables: &[(&str, &str)]) {
        self.variables.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.must(&["up", "-d"]);
    }

    /// Returns the container of one service. It is the project's: forget the handle, do not drop it.
    pub fn container(&self, service: &str) -> std::mem::ManuallyDrop<Container> {
        let id = self.must(&["ps", "-q", service]);
        assert!(!id.trim().is_empty(), "{service} has no container");
        std::mem::ManuallyDrop::new(Container::named(id.trim()))
    }

    /// Runs a command in a service's container, and returns what it writes.
    ///
    /// # Panics
    /// If it fails.
    pub fn exec(&self, service: &str, words: &[&str]) -> String {
        self.must(&[&["exec", "-T", service], words].concat())
    }

    /// Runs docker-compose, and returns what it writes.
    ///
    /// # Panics
    /// If it fails.
    pub fn must(&self, words: &[&str]) -> String {
        let output = self.compose(words);
        assert!(output.status.success(), "docker-compose {words:?}: {}\n{}", output.status, stdout_and_stderr(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn compose(&self, words: &[&str]) -> Output {
        limited("docker-compose", BUILD_PATIENCE)
            .current_dir(&self.directory)
            .envs(self.variables.iter().cloned())
            .args(["--project-name", &self.name, "--file", &self.file])
            .args(words)
            .stdin(std::process::Stdio::null())
            .output()
            .expect("docker-compose is installed by .ci/packages")
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let _ = self.compose(&["down", "--volumes", "--timeout", "1"]);
    }
}
