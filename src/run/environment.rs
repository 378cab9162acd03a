//! What a service finds in its environment: the container's, its user's HOME, USER and LOGNAME, its file, its own.

use std::collections::BTreeMap;
use std::ffi::{CString, NulError, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::config::search_path::DEFAULT_PATH;
use crate::config::service::Service;
use crate::plan::ServicePlan;
use crate::plan::inherited::{Inherited, names_code};
use crate::sys::process::environment_file::Variable;

/// Addressed to us, not to services: podman's socket for our own readiness.
const OURS: [&str; 1] = ["NOTIFY_SOCKET"];

/// The environment that the container was given.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// Returns what services get of `given`.
    pub fn new(mut given: BTreeMap<OsString, OsString>) -> Self {
        for name in OURS {
            given.remove(OsStr::new(name));
        }
        given.entry("PATH".into()).or_insert_with(|| DEFAULT_PATH.into());
        Self(given)
    }

    /// Returns the environment of a service, but for what its file says.
    pub fn of(&self, service: &Service, plan: &ServicePlan) -> Variables {
        let mut before = if service.clear_environment { BTreeMap::new() } else { self.0.clone() };
        if let Inherited::Safe { path } = &plan.inherited {
            before.retain(|name, value| !names_code(name, value));
            before.insert("PATH".into(), path.clone());
        }
        before.insert("HOME".into(), plan.home.clone().into());
        before.insert("USER".into(), plan.user.clone().into());
        before.insert("LOGNAME".into(), plan.user.clone().into());
        before.entry("PATH".into()).or_insert_with(|| DEFAULT_PATH.into());
        let own = service.environment.iter();
        Variables { before, own: own.map(|(name, value)| (name.into(), value.into())).collect() }
    }
}

/// The environment of a service in its order: `environment_file` comes in between.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    /// The container's, and its user's.
    pub before: BTreeMap<OsString, OsString>,
    /// Its own, which win.
    pub own: BTreeMap<OsString, OsString>,
}

impl Variables {
    /// Returns all of them, with those that were read from a file.
    pub fn with_file(self, file: Vec<Variable>) -> BTreeMap<OsString, OsString> {
        let mut all = self.before;
        all.extend(file);
        all.extend(self.own);
        all
    }
}

/// Returns the variables as execve(2) takes them.
///
/// # Errors
/// When one contains a NUL byte.
pub fn as_words(all: &BTreeMap<OsString, OsString>) -> Result<Vec<CString>, NulError> {
    all.iter()
        .map(|(name, value)| {
            let mut word = name.as_bytes().to_vec();
            word.push(b'=');
            word.extend_from_slice(value.as_bytes());
            CString::new(word)
        })
        .collect()
}
