//! [`Fix`]: text to paste: settings for Docker, Compose and Kubernetes, or a command on the host. Made once, where the fault
//! is found; printed in one line by the log and line by line by `doctor`. Must not know what it fixes.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::owner::Owner;
use super::printable;
use crate::config::values::CapSet;

/// What lets rootless Podman's containers have the groups of who starts them.
pub const KEEP_GROUPS: &str = "podman: `--group-add keep-groups`";

/// Alternatives: one of them is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fix(pub Vec<FixOption>);

/// One alternative.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FixOption {
    /// Settings of the container.
    Settings(Settings),
    /// Change the owner on the host; the path there is not known (yet).
    Chown(Chown),
    /// Make a read-only path writable; whether a mount is read-only or the container's root is not known (yet).
    Writable(Writable),
    /// A command on the host.
    Host {
        /// The command to paste.
        command: String,
        /// A restriction or a variant; `None` if it always works.
        note: Option<String>,
    },
    /// A sentence.
    Text(String),
}

/// One setting in the syntax of each; empty if it cannot be expressed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Flags of `docker run` (and of `podman run`).
    pub docker: String,
    /// A line of the service in a Compose file.
    pub compose: String,
    /// Lines of the container in a Kubernetes manifest.
    pub kubernetes: String,
}

/// A change of owner on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chown {
    /// The path in the container.
    pub path: PathBuf,
    /// Whether to include everything below.
    pub recursive: bool,
    /// Whether it is a file: no volume can be mounted there.
    pub is_file: bool,
    /// The user id in the container.
    pub uid: u32,
    /// The group id in the container.
    pub gid: u32,
}

/// A path that must become writable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writable {
    /// The path in the container.
    pub path: PathBuf,
    /// Whether it is a file: no volume can be mounted there.
    pub is_file: bool,
    /// The wanted owner, if the container cannot change it.
    pub owner: Option<(u32, u32)>,
    /// Whether it could not be written on a writable root either: it must be replaced by a mount.
    pub is_foreign: bool,
}

impl Fix {
    /// Returns a fix that only a text can express.
    pub fn text(text: impl Into<String>) -> Self {
        Self(vec![FixOption::Text(text.into())])
    }

    /// Returns settings.
    pub fn settings(docker: impl Into<String>, compose: impl Into<String>, kubernetes: impl Into<String>) -> Self {
        let (docker, compose, kubernetes) = (docker.into(), compose.into(), kubernetes.into());
        Self(vec![FixOption::Settings(Settings { docker, compose, kubernetes })])
    }

    /// Returns the settings that grant capabilities.
    pub fn capabilities(missing: CapSet) -> Self {
        let list: Vec<_> = missing.iter().map(|capability| capability.to_string()).collect();
        let names = list.join(", ");
        Self::settings(
            flags("--cap-add", &list),
            format!("cap_add: [{names}]"),
            format!("securityContext: {{ capabilities: {{ add: [{names}] }} }}"),
        )
    }

    /// Returns the settings for more groups.
    pub fn groups(groups: &[impl fmt::Display]) -> Self {
        let list: Vec<_> = groups.iter().map(ToString::to_string).collect();
        let quoted: Vec<_> = list.iter().map(|group| format!("\"{group}\"")).collect();
        Self::settings(
            flags("--group-add", &list),
            format!("group_add: [{}]", quoted.join(", ")),
            format!("securityContext: {{ supplementalGroups: [{}] }}   # of the pod", list.join(", ")),
        )
    }

    /// Returns the settings for a tmpfs; without an owner everybody may write.
    pub fn tmpfs(path: &Path, owner: Option<(Owner, u32)>) -> Self {
        let at = printable::path(path);
        let name = at.trim_matches('/').replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
        let kubernetes = format!(
            "volumeMounts: [{{ name: {name}, mountPath: {at} }}]\nvolumes: [{{ name: {name}, emptyDir: {{ medium: Memory }} \
             }}]   # of the pod"
        );
        let Some((Owner { uid, gid }, mode)) = owner else {
            return Self::settings(format!("--tmpfs {at}"), format!("tmpfs: [{at}]"), kubernetes);
        };
        let mount = format!("{at}:uid={uid},gid={gid},mode={mode:04o}");
        Self::settings(format!("--tmpfs {mount}"), format!("tmpfs: [\"{mount}\"]"), kubernetes)
    }

    /// Returns a change of owner on the host.
    pub fn chown(path: &Path, recursive: bool, to: Owner) -> Self {
        Self(vec![FixOption::Chown(Chown {
            path: path.to_owned(),
            recursive,
            is_file: false,
            uid: to.uid.0,
            gid: to.gid.0,
        })])
    }

    /// Returns the same for a file.
    pub fn chown_file(path: &Path, to: Owner) -> Self {
        let (uid, gid) = (to.uid.0, to.gid.0);
        Self(vec![FixOption::Chown(Chown { path: path.to_owned(), recursive: false, is_file: true, uid, gid })])
    }

    /// Returns the fix that makes a read-only path writable. `owner`: the wanted owner, if the boot cannot change it.
    pub fn writable(path: &Path, is_file: bool, owner: Option<Owner>) -> Self {
        let owner = owner.map(|Owner { uid, gid }| (uid.0, gid.0));
        Self(vec![FixOption::Writable(Writable { path: path.to_owned(), is_file, owner, is_foreign: false })])
    }

    /// Returns the same for a path that could not be written on a writable root either.
    pub fn replaced(path: &Path, is_file: bool, owner: Owner) -> Self {
        let owner = Some((owner.uid.0, owner.gid.0));
        Self(vec![FixOption::Writable(Writable { path: path.to_owned(), is_file, owner, is_foreign: true })])
    }

    /// Returns the settings for a volume. `owner`: the wanted owner, if the boot cannot change it: a new named volume
    /// belongs to root then, and would be the next problem.
    pub fn volume(path: &Path, owner: Option<Owner>) -> Self {
        let at = printable::path(path);
        match owner {
            None => Self::settings(
                format!("-v data:{at}"),
                format!("volumes: [\"data:{at}\"]"),
                format!("volumeMounts: [{{ name: data, mountPath: {at} }}]"),
            ),
            Some(Owner { uid, gid }) => Self::text(format!(
                "mount a directory of {uid}:{gid}'s there, on the host: `install -d -o {uid} -g {gid} data`, then \
                 `-v \"$PWD/data:{at}\"` (compose: `volumes: [\"./data:{at}\"]`)"
            ))
            .or(Self::tmpfs(path, Some((Owner { uid, gid }, 0o755)))),
        }
    }

    /// Returns this fix with another alternative.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Returns the read-only path that must become writable.
    pub fn read_only(&self) -> Option<&Path> {
        self.0.iter().find_map(|option| match option {
            FixOption::Writable(to) => Some(to.path.as_path()),
            FixOption::Settings(_) | FixOption::Chown(_) | FixOption::Host { .. } | FixOption::Text(_) => None,
        })
    }

    /// Returns whether it contains an alternative that [`Self::located`] could complete.
    pub fn is_unlocated(&self) -> bool {
        self.0.iter().any(|option| matches!(option, FixOption::Chown(_) | FixOption::Writable(_)))
    }

    /// Returns it with every [`FixOption::Chown`] for which `locate` returns a command, and every [`FixOption::Writable`],
    /// replaced by concrete ones.
    #[must_use]
    pub fn located(
        self,
        locate: impl Fn(&Chown) -> Option<FixOption>,
        writable: impl Fn(&Writable) -> Option<Self>,
    ) -> Self {
        let place = |option: FixOption| match option {
            FixOption::Chown(chown) => vec![locate(&chown).unwrap_or(FixOption::Chown(chown))],
            FixOption::Writable(path) => writable(&path).map_or_else(|| vec![FixOption::Writable(path)], |fix| fix.0),
            FixOption::Settings(_) | FixOption::Host { .. } | FixOption::Text(_) => vec![option],
        };
        Self(self.0.into_iter().flat_map(place).collect())
    }
}

impl From<&str> for Fix {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Fix {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

fn flags(flag: &str, list: &[String]) -> String {
    list.iter().map(|word| format!("{flag} {word}")).collect::<Vec<_>>().join(" ")
}

impl Chown {
    /// Returns the command without the path.
    pub fn command(&self, uid: u32, gid: u32) -> String {
        let flag = if self.recursive { "-R " } else { "" };
        format!("chown {flag}{uid}:{gid}")
    }
}

impl FixOption {
    /// Returns it line by line: a label, and what to paste.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Settings(Settings { docker, compose, kubernetes }) => {
                let mut all = vec![("docker run", docker.clone()), ("compose", compose.clone())];
                all.extend(kubernetes.lines().map(|line| ("kubernetes", line.to_owned())));
                all.retain(|(_, text)| !text.is_empty());
                all
            }
            Self::Chown(chown) => {
                let path = printable::path(&chown.path);
                vec![("host", format!("{} …   # what is mounted at {path}", chown.command(chown.uid, chown.gid)))]
            }
            Self::Writable(_) => vec![("fix", self.to_string())],
            Self::Host { command, note } => {
                let note = note.as_ref().map_or_else(String::new, |note| format!("   # {note}"));
                vec![("host", format!("{command}{note}"))]
            }
            Self::Text(text) => vec![("fix", text.clone())],
        }
    }
}

/// In one line, for the log: `compose: …; docker run: …; or …`.
impl fmt::Display for Fix {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, option) in self.0.iter().enumerate() {
            to.write_str(if at == 0 { "" } else { "; or " })?;
            option.fmt(to)?;
        }
        Ok(())
    }
}

impl fmt::Display for FixOption {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(Settings { docker, compose, kubernetes }) => {
                let all = [("compose", compose), ("docker run", docker)];
                let shown_settings: Vec<_> = all.iter().filter(|(_, text)| !text.is_empty()).collect();
                let list: Vec<_> = shown_settings.iter().map(|(label, text)| format!("{label}: `{text}`")).collect();
                match list.is_empty() {
                    true => write!(to, "kubernetes: `{}`", kubernetes.replace('\n', "`, `")),
                    false => to.write_str(&list.join("; ")),
                }
            }
            Self::Chown(chown) => {
                let path = printable::path(&chown.path);
                write!(to, "on the host: `{}` what is mounted at {path}", chown.command(chown.uid, chown.gid))
            }
            Self::Writable(Writable { path, .. }) => {
                let path = printable::path(path);
                write!(to, "make {path} writable: remove `:ro` if it is mounted so, else mount a volume there")
            }
            Self::Host { command, .. } => write!(to, "on the host: `{command}`"),
            Self::Text(text) => to.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::{Capability, Gid, Uid};

    const ME: Owner = Owner { uid: Uid(1000), gid: Gid(100) };

    #[test]
    fn fixes_can_be_pasted() {
        let missing = Fix::capabilities([Capability::SETUID, Capability::SETGID].into_iter().collect());
        let text = "compose: `cap_add: [SETGID, SETUID]`; docker run: `--cap-add SETGID --cap-add SETUID`";
        assert_eq!(missing.to_string(), text);
        assert_eq!(
            missing.0[0].lines(),
            [
                ("docker run", "--cap-add SETGID --cap-add SETUID".to_owned()),
                ("compose", "cap_add: [SETGID, SETUID]".to_owned()),
                ("kubernetes", "securityContext: { capabilities: { add: [SETGID, SETUID] } }".to_owned()),
            ]
        );
        assert_eq!(Fix::groups(&[44]).to_string(), "compose: `group_add: [\"44\"]`; docker run: `--group-add 44`");
    }

    #[test]
    fn a_tmpfs_has_a_name_that_kubernetes_takes() {
        let fix = Fix::tmpfs(Path::new("/run/web_1"), Some((ME, 0o755)));
        assert_eq!(
            fix.to_string(),
            "compose: `tmpfs: [\"/run/web_1:uid=1000,gid=100,mode=0755\"]`; docker run: `--tmpfs \
             /run/web_1:uid=1000,gid=100,mode=0755`"
        );
        assert_eq!(fix.0[0].lines()[2].1, "volumeMounts: [{ name: run-web-1, mountPath: /run/web_1 }]");
        let run = Fix::tmpfs(Path::new("/run"), None).to_string();
        assert_eq!(run, "compose: `tmpfs: [/run]`; docker run: `--tmpfs /run`");
    }

    #[test]
    fn a_chown_names_the_hosts_path_once_it_is_known() {
        let fix = Fix::chown(Path::new("/config"), true, ME).or(Fix::text("start the container as root"));
        assert_eq!(
            fix.to_string(),
            "on the host: `chown -R 1000:100` what is mounted at /config; or start the container as root"
        );
        let command = |chown: &Chown| format!("{} /srv", chown.command(5, 6));
        let there = fix
            .located(|chown| Some(FixOption::Host { command: command(chown), note: Some("as root".into()) }), |_| None);
        assert_eq!(there.to_string(), "on the host: `chown -R 5:6 /srv`; or start the container as root");
        assert_eq!(there.0[0].lines()[0], ("host", "chown -R 5:6 /srv   # as root".to_owned()));
    }

    #[test]
    fn it_survives_the_way_over_the_control_socket() {
        let fix = Fix::chown(Path::new("/a"), false, ME).or(Fix::tmpfs(Path::new("/b"), None)).or(Fix::text("c"));
        let text = serde_json::to_string(&fix).unwrap();
        assert_eq!(serde_json::from_str::<Fix>(&text).unwrap(), fix);
    }
}
