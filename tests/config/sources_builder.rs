//! [`Given`]: sources in a few words, and what comes of them.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::rc::Rc;

use stepdown::config::service::Service;
use stepdown::config::{Config, Content, Sources, Tree, read};
use stepdown::error::Problems;

use crate::schema::recorded::record;

pub const TREE: &str = "/etc/services.d";

/// Where an image made for s6-overlay has its definitions.
pub const DEFINITIONS: &str = "/etc/s6-overlay/s6-rc.d";
/// Where it may have its user bundles.
pub const USER_BUNDLES: &str = "/etc/s6-overlay/user-bundles.d";

/// A smallest service.
pub const PLAIN: &str = "command = [\"true\"]\n";

pub struct SourcesBuilder(pub Sources);

pub fn empty_sources() -> SourcesBuilder {
    let tree = Tree { path: PathBuf::from(TREE), ..Tree::default() };
    SourcesBuilder(Sources { trees: vec![tree], ..Sources::default() })
}

/// An image made for s6-overlay, without a service.
pub fn s6_image() -> SourcesBuilder {
    let mut sources = empty_sources();
    let tree = |path: &str| Tree { path: PathBuf::from(path), ..Tree::default() };
    sources.0.s6.identifying_directories.push(PathBuf::from("/etc/s6-overlay"));
    sources.0.s6.definitions = tree(DEFINITIONS);
    sources.0.s6.user_bundles = tree(USER_BUNDLES);
    sources
}

/// An s6-rc definition of that type, with these files.
pub fn definition<'n>(kind: &str, more: impl IntoIterator<Item = (&'n str, Content)>) -> Content {
    dir([("type", file(format!("{kind}\n")))].into_iter().chain(more))
}

/// A directory of empty files.
pub fn names<'n>(all: impl IntoIterator<Item = &'n str>) -> Content {
    dir(all.into_iter().map(|name| (name, file(""))))
}

/// One service `web` with that text below a command.
pub fn web(text: &str) -> SourcesBuilder {
    empty_sources().toml("web", &format!("{PLAIN}{text}"))
}

pub fn file(bytes: impl AsRef<[u8]>) -> Content {
    Content::File { bytes: bytes.as_ref().to_vec(), executable: false }
}

pub fn program(bytes: impl AsRef<[u8]>) -> Content {
    Content::File { bytes: bytes.as_ref().to_vec(), executable: true }
}

pub fn dir<'n>(entries: impl IntoIterator<Item = (&'n str, Content)>) -> Content {
    Content::Dir(entries.into_iter().map(|(name, content)| (OsString::from(name), content)).collect())
}

/// An s6-style longrun with these files beside `run`.
pub fn longrun<'n>(more: impl IntoIterator<Item = (&'n str, Content)>) -> Content {
    dir([("run", program("#!/bin/sh\n"))].into_iter().chain(more))
}

impl SourcesBuilder {
    pub fn entry(mut self, name: impl Into<OsString>, content: Content) -> Self {
        self.0.trees[0].entries.insert(name.into(), content);
        self
    }

    /// Adds a definition, and to the bundle `user`.
    pub fn started(self, name: &str, content: Content) -> Self {
        self.definition(name, content).member("user", name)
    }

    pub fn definition(mut self, name: impl Into<OsString>, content: Content) -> Self {
        self.0.s6.definitions.entries.insert(name.into(), content);
        self
    }

    /// Adds a service to a bundle of users.
    pub fn member(mut self, bundle: &str, name: &str) -> Self {
        let bundles = &mut self.0.s6.user_bundles.entries;
        let bundle = bundles.entry(bundle.into()).or_insert_with(|| definition("bundle", [("contents.d", dir([]))]));
        if let Content::Dir(files) = bundle
            && let Some(Content::Dir(members)) = files.get_mut(OsStr::new("contents.d"))
        {
            members.insert(name.into(), file(""));
        }
        self
    }

    pub fn toml(self, name: &str, text: &str) -> Self {
        self.entry(format!("{name}.toml"), file(text))
    }

    pub fn container(mut self, text: &str) -> Self {
        self.0.container = Some((PathBuf::from("/etc/stepdown.toml"), file(text)));
        self
    }

    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.0.env.insert(name.into(), value.into());
        self
    }

    pub fn main(mut self, word: &str) -> Self {
        self.0.main.push(OsString::from(word));
        self
    }

    fn read(&self) -> Result<Config, Problems> {
        let result = read(&self.0);
        record(&self.0, &result);
        result
    }

    /// What was understood; panics with the problems if there are any.
    pub fn config(self) -> Config {
        self.read().unwrap_or_else(|problems| panic!("unexpected problems:\n{problems}"))
    }

    /// The one service.
    pub fn service(self) -> Service {
        let mut services = self.config().services;
        assert_eq!(services.len(), 1);
        Rc::unwrap_or_clone(services.remove(0))
    }

    /// Every problem as it is printed, in order.
    pub fn problems(self) -> Vec<String> {
        match self.read() {
            Ok(config) => panic!("no problem was found in {config:#?}"),
            Err(problems) => problems.into_sorted().iter().map(ToString::to_string).collect(),
        }
    }

    #[track_caller]
    pub fn assert_problems(self, expected: &[&str]) {
        assert_eq!(self.problems(), expected);
    }

    /// The problems of `web.toml` with that text, without the file's name.
    #[track_caller]
    pub fn assert_web_problems(self, expected: &[&str]) {
        let printed: Vec<String> =
            self.problems().iter().map(|text| text.replace("/etc/services.d/web.toml:", "")).collect();
        assert_eq!(printed, expected);
    }
}
