//! The environment of a service: the container's variables, HOME, USER and LOGNAME of its user, its file, its own.

use std::collections::BTreeMap;
use std::ffi::{CString, NulError, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::boot::secrets::Secrets;
use crate::config::s6_overlay::{self, S6Overlay};
use crate::config::search_path::DEFAULT_PATH;
use crate::config::service::Service;
use crate::plan::ServicePlan;
use crate::plan::code_variables::names_code;
use crate::plan::inherited::Inherited;
use crate::sys::process::environment_file::Assignment;

/// Variables for PID 1 only: podman's socket for the container's readiness.
const OWN_VARIABLES: [&str; 1] = ["NOTIFY_SOCKET"];

/// Names the runtime directory, where our commands look for the state of s6-overlay that is not in /run.
const RUNTIME: &str = "XDG_RUNTIME_DIR";

/// The environment that the container was given.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    all: BTreeMap<OsString, OsString>,
    /// What services of an image made for s6-overlay get of it.
    of_s6: BTreeMap<OsString, OsString>,
    /// For the services that get them.
    secrets: Secrets,
}

impl Environment {
    /// Returns what services get of `given`. `s6`: what an image made for s6-overlay expects.
    pub fn new(mut given: BTreeMap<OsString, OsString>, s6: Option<&S6Overlay>) -> Self {
        for name in OWN_VARIABLES {
            given.remove(OsStr::new(name));
        }
        let path = s6_overlay::container_path(given.get(OsStr::new("PATH")).map(OsString::as_os_str), s6);
        given.insert("PATH".into(), path);
        let kept = |name: &OsString| s6.is_none_or(|s6| s6.keep_env) || name == "PATH";
        let of_s6 = given.iter().filter(|(name, _)| kept(name)).map(|(name, value)| (name.clone(), value.clone()));
        Self { of_s6: of_s6.collect(), all: given, secrets: Secrets::default() }
    }

    /// Returns every variable of the container.
    pub fn all(&self) -> &BTreeMap<OsString, OsString> {
        &self.all
    }

    /// Adds secrets, for the services that get them.
    pub fn add_secrets(&mut self, secrets: Secrets) {
        self.secrets.extend(secrets);
    }

    /// Lets commands of services that get PATH alone find the state of s6-overlay; `base`: where it lies.
    pub fn add_runtime_directory(&mut self, base: &Path) {
        let given = self.all.get(OsStr::new(RUNTIME));
        if let Some(directory) = given.filter(|directory| base.starts_with(Path::new(directory))) {
            self.of_s6.insert(RUNTIME.into(), directory.clone());
        }
    }

    /// Returns the environment of a service, but for what its file says.
    pub fn of(&self, service: &Service, plan: &ServicePlan) -> Variables {
        if service.s6.is_some() {
            return self.of_s6(service, plan);
        }
        let mut inherited = if service.clear_environment { BTreeMap::new() } else { self.all.clone() };
        // What it does not ask for is as the container's own variables are.
        let secrets = || plan.secrets.iter().filter_map(|name| Some((name.into(), self.secrets.get(name)?.to_owned())));
        if service.secrets.is_none() {
            inherited.extend(secrets());
        }
        if let Inherited::Safe { path } = &plan.inherited {
            inherited.retain(|name, value| !names_code(name, value));
            inherited.insert("PATH".into(), path.clone());
        }
        if service.secrets.is_some() {
            inherited.extend(secrets());
        }
        inherited.insert("HOME".into(), plan.login.home.clone().into());
        inherited.insert("USER".into(), plan.login.user.clone().into());
        inherited.insert("LOGNAME".into(), plan.login.user.clone().into());
        inherited.entry("PATH".into()).or_insert_with(|| DEFAULT_PATH.into());
        Variables { inherited, own: own(service) }
    }

    /// Returns the same for a service of s6-overlay: PATH, or everything, and nothing of ours (FIELD §2.2).
    fn of_s6(&self, service: &Service, plan: &ServicePlan) -> Variables {
        let mut inherited = self.of_s6.clone();
        let is_safe = |name: &OsStr, value: &OsStr| plan.inherited == Inherited::All || !names_code(name, value);
        // The app may have written their files, unlike the container's variables.
        let secrets = plan.secrets.iter().filter_map(|name| Some((OsStr::new(name), self.secrets.get(name)?)));
        let secrets = secrets.filter(|(name, value)| is_safe(name, value));
        inherited.extend(secrets.map(|(name, value)| (name.to_owned(), value.to_owned())));
        if let Inherited::Safe { path } = &plan.inherited {
            inherited.insert("PATH".into(), path.clone());
        }
        Variables { inherited, own: own(service) }
    }
}

fn own(service: &Service) -> BTreeMap<OsString, OsString> {
    service.environment.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

/// The environment of a service in its order: `environment_file` comes in between.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    /// The container's, and its user's.
    pub inherited: BTreeMap<OsString, OsString>,
    /// Its own, which win.
    pub own: BTreeMap<OsString, OsString>,
}

impl Variables {
    /// Returns all of them, with those that were read from a file.
    pub fn with_file(self, file: Vec<Assignment>) -> BTreeMap<OsString, OsString> {
        let mut all = self.inherited;
        all.extend(file);
        all.extend(self.own);
        all
    }
}

/// Returns the variables as execve(2) takes them.
///
/// # Errors
/// When one contains a NUL byte.
pub fn as_c_strings(all: &BTreeMap<OsString, OsString>) -> Result<Vec<CString>, NulError> {
    all.iter()
        .map(|(name, value)| {
            let mut word = name.as_bytes().to_vec();
            word.push(b'=');
            word.extend_from_slice(value.as_bytes());
            CString::new(word)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::config::s6_overlay::S6Origin;
    use crate::config::service::Command;
    use crate::config::values::{CapSet, Gid, ServiceName, Uid};
    use crate::plan::{Credentials, Identity, Login, ReadSecret, SecretReader, TrustedWriters};

    fn service(s6: Option<S6Origin>) -> (Service, ServicePlan) {
        let name = ServiceName::new("web").unwrap();
        let mut service = Service { s6, ..Service::plain(name.clone(), Command::File("/run".into())) };
        service.environment.insert("RC_NAME".into(), "web".into());
        let credentials =
            Credentials { uid: Uid(0), gid: Gid(0), groups: None, ambient: CapSet::EMPTY, no_new_privs: false };
        let plan = ServicePlan {
            name,
            credentials,
            program: "/run".into(),
            argv: Vec::new(),
            interpreted: BTreeMap::new(),
            login: Rc::new(Login { home: "/root".into(), user: "root".into() }),
            skipped: None,
            held_back: Vec::new(),
            file_writers: TrustedWriters::Anybody,
            inherited: Inherited::All,
            secrets: Box::default(),
        };
        (service, plan)
    }

    fn names(environment: &Environment, s6: Option<S6Origin>) -> Vec<String> {
        let (service, plan) = service(s6);
        let all = environment.of(&service, &plan).with_file(Vec::new());
        all.iter().map(|(name, value)| format!("{}={}", name.display(), value.display())).collect()
    }

    fn given() -> BTreeMap<OsString, OsString> {
        [("PATH", "/bin"), ("PUID", "1"), ("NOTIFY_SOCKET", "/s"), (RUNTIME, "/tmp/1")]
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }

    #[test]
    fn a_service_of_s6_overlay_gets_path_alone_and_a_native_one_beside_it_everything() {
        let environment = Environment::new(given(), Some(&S6Overlay::default()));
        assert_eq!(names(&environment, Some(S6Origin::Script)), ["PATH=/command:/usr/bin:/bin", "RC_NAME=web"]);
        let native = names(&environment, None);
        assert!(native.contains(&"PUID=1".to_owned()) && native.contains(&"HOME=/root".to_owned()), "{native:?}");
    }

    #[test]
    fn with_s6_keep_env_it_gets_the_containers_variables_and_none_of_ours() {
        let s6 = S6Overlay { keep_env: true, ..S6Overlay::default() };
        let kept = names(&Environment::new(given(), Some(&s6)), Some(S6Origin::Script));
        assert_eq!(kept, ["PATH=/command:/usr/bin:/bin", "PUID=1", "RC_NAME=web", "XDG_RUNTIME_DIR=/tmp/1"]);
    }

    #[test]
    fn with_s6_keep_env_a_root_service_gets_what_names_code_too() {
        let s6 = S6Overlay { keep_env: true, ..S6Overlay::default() };
        let given =
            [("PATH", "/data/bin:/bin"), ("PYTHONPATH", "/app")].map(|(name, value)| (name.into(), value.into()));
        let environment = Environment::new(given.into(), Some(&s6));
        let (service, plan) = service(Some(S6Origin::Script));
        let plan = ServicePlan { inherited: Inherited::Safe { path: "/bin".into() }, ..plan };
        let all = environment.of(&service, &plan).with_file(Vec::new());
        assert_eq!(all.get(OsStr::new("PYTHONPATH")), Some(&"/app".into()));
        assert_eq!(all.get(OsStr::new("PATH")), Some(&"/bin".into()));
    }

    /// The app may have written the file of a secret: what names code does not reach a service with more rights.
    #[test]
    #[allow(clippy::disallowed_methods)] // files that the test has created
    fn with_s6_keep_env_a_script_gets_secrets_but_none_that_names_code_where_that_is_not_safe() {
        let place = tempfile::tempdir().unwrap();
        let app = Identity::of_tests();
        let mut secrets = Secrets::default();
        for name in ["PASSWORD", "LD_PRELOAD", "PATH", "OTHER"] {
            let path = place.path().join(name);
            std::fs::write(&path, "/data/x\n").unwrap();
            let (name, reader) = (name.to_owned(), SecretReader::PidOne);
            secrets.read(&ReadSecret { name, path, reader, is_required: true }, &app).unwrap();
        }
        let s6 = S6Overlay { keep_env: true, ..S6Overlay::default() };
        let mut environment = Environment::new(given(), Some(&s6));
        environment.add_secrets(secrets);
        let (service, plan) = service(Some(S6Origin::Script));
        let gets: Box<[String]> = ["PASSWORD", "LD_PRELOAD", "PATH"].map(str::to_owned).into();
        let of = |inherited| {
            let plan = ServicePlan { inherited, secrets: gets.clone(), ..plan.clone() };
            let all = environment.of(&service, &plan).with_file(Vec::new());
            ["PASSWORD", "LD_PRELOAD", "PATH", "OTHER"].map(|name| all.get(OsStr::new(name)).cloned())
        };
        let value = || Some(OsString::from("/data/x"));
        assert_eq!(of(Inherited::All), [value(), value(), value(), None]);
        assert_eq!(of(Inherited::Safe { path: "/bin".into() }), [value(), None, Some("/bin".into()), None]);
    }

    #[test]
    fn the_directory_of_the_state_is_named_only_if_commands_would_not_find_it_otherwise() {
        let mut environment = Environment::new(given(), Some(&S6Overlay::default()));
        environment.add_runtime_directory(Path::new("/run"));
        assert_eq!(names(&environment, Some(S6Origin::Script)).len(), 2);
        environment.add_runtime_directory(Path::new("/tmp/1/stepdown"));
        assert!(names(&environment, Some(S6Origin::Script)).contains(&"XDG_RUNTIME_DIR=/tmp/1".to_owned()));
    }
}
