//! Chooses HOME, by the same rule with root and without. Must not know how facts are read.

use std::path::{Path, PathBuf};

use super::access::usable;
use super::accounts::passwd::Account;
use super::facts::{Access, Facts, PathFact};
use super::notes::Notes;
use super::{Identity, printable};
use crate::config::Config;
use crate::config::container::{Container, Directory, Own, UserRef};
use crate::config::paths::is_passwd_field;
use crate::config::service::{Kind, RunAs};
use crate::config::values::Uid;
use crate::text::shown;

/// Directories that everybody can usually write.
pub const FALLBACKS: [&str; 2] = ["/tmp", "/dev/shm"];

const TOP: &str = "/";

/// Returns HOME where the user cannot be changed: as it was given manually (`-e HOME=…`), the declared one, the account's,
/// the first declared path that can be written, a place where everybody can write; `/` only where there is nothing better.
///
/// What a runtime gives by itself is not meant by anybody: `/` for a uid that no file knows, otherwise the account's.
pub(super) fn find(
    container: &Container,
    facts: &Facts,
    identity: &Identity,
    account: Option<&Account>,
    notes: &mut Notes,
) -> PathBuf {
    let accounts = of_account(account);
    let given = facts
        .home
        .as_deref()
        .filter(|home| is_passwd_field(home) && *home != Path::new(TOP) && Some(*home) != accounts);
    // For a root without capabilities access was not checked: owner and mode decide.
    let can_write = |home: &Path| match facts.homes.get(home) {
        Some(access) => *access == Access::Yes,
        None => facts.paths.get(home).is_some_and(|fact| usable(identity, fact)),
    };
    let is_there = |home: &Path| !matches!(facts.homes.get(home), Some(Access::Missing | Access::Unfit));
    let is_closed = |home: &Path| facts.homes.get(home).is_some_and(|access| *access != Access::Yes);
    let fix = |_: &str| "mount a volume there that it can write".to_owned();
    let given = given.filter(|home| can_write(home)).map(Path::to_owned);
    let places = HomeFacts { can_write: &can_write, is_there: &is_there, is_closed: &is_closed, fix: &fix };
    given.unwrap_or_else(|| choose(container, identity, accounts, &places, notes))
}

/// Returns HOME of the app user of a step down, by the same rule. Paths that the boot changes or creates can be used then.
pub(super) fn of_root(
    config: &Config,
    facts: &Facts,
    identity: &Identity,
    account: Option<&Account>,
    notes: &mut Notes,
) -> PathBuf {
    let container = &config.container;
    // A root oneshot may create it before it is used.
    let may_be_made =
        config.services.iter().any(|service| service.kind == Kind::Oneshot && service.user == RunAs::Root);
    let is_there = |home: &Path| match facts.paths.get(home) {
        Some(PathFact::Missing(_) | PathFact::Unknown(_)) => may_be_made || is_given(container, identity, home, facts),
        Some(PathFact::Found { .. }) | None => true,
    };
    let can_write = |home: &Path| match facts.paths.get(home) {
        Some(fact) if usable(identity, fact) => true,
        Some(PathFact::Missing(_)) if may_be_made => true,
        // Scripts of such an image give the app user its home, as LinuxServer's `lsiown abc:abc /config` does.
        Some(_) if may_be_made && config.s6.is_some() => true,
        Some(_) => is_given(container, identity, home, facts),
        // Not checked: the image's author decides.
        None => !FALLBACKS.iter().any(|other| home == Path::new(other)),
    };
    let fix = |home: &str| {
        format!(
            "have the boot create and give it, in the container file: `[[own]]`, `path = \"{home}\"`, `create = true`"
        )
    };
    let is_closed = |home: &Path| !can_write(home);
    let places = HomeFacts { can_write: &can_write, is_there: &is_there, is_closed: &is_closed, fix: &fix };
    choose(container, identity, of_account(account), &places, notes)
}

/// Returns HOME of another user: its own if that exists, else a directory that everybody can write.
pub(super) fn of_other(facts: &Facts, home: PathBuf) -> PathBuf {
    let is_missing = matches!(facts.paths.get(&home), Some(PathFact::Missing(_) | PathFact::Unknown(_)));
    if home != Path::new(TOP) && !home.as_os_str().is_empty() && !is_missing {
        return home;
    }
    let open = |path: &&&str| match facts.paths.get(Path::new(path)) {
        Some(PathFact::Found { mode, read_only, .. }) => mode & 0o7 == 0o7 && !read_only,
        Some(PathFact::Missing(_) | PathFact::Unknown(_)) | None => false,
    };
    FALLBACKS.iter().find(open).map_or_else(|| PathBuf::from(TOP), PathBuf::from)
}

/// Facts about directories, and the fix for an unusable one.
struct HomeFacts<'a> {
    can_write: &'a dyn Fn(&Path) -> bool,
    is_there: &'a dyn Fn(&Path) -> bool,
    /// Whether it is known not to be writable; `false` if unknown.
    is_closed: &'a dyn Fn(&Path) -> bool,
    fix: &'a dyn Fn(&str) -> String,
}

/// The declared home, the account's, a declared path, or a directory that everybody can write.
fn choose(
    container: &Container,
    identity: &Identity,
    accounts: Option<&Path>,
    places: &HomeFacts<'_>,
    notes: &mut Notes,
) -> PathBuf {
    let HomeFacts { can_write, is_there, is_closed, fix } = *places;
    let top = Path::new(TOP);
    let who = format!("{}:{}", identity.uid, identity.gid);
    let declared = container.app.home.as_deref();
    if let Some(home) = declared.filter(|home| can_write(home)) {
        return home.to_owned();
    }
    // Programs expect the account's home: it is enough that it exists.
    if let Some(home) = accounts.filter(|home| *home != top && home.is_absolute() && is_there(home)) {
        if is_closed(home) {
            let path = printable::path(home);
            notes.notice(format!(
                "HOME={path} of `{}` cannot be written by {who}; {}, or name another: `home` under [app]",
                shown(&identity.name),
                fix(&path)
            ));
        }
        return home.to_owned();
    }
    let own = container.own.iter().map(|own| own.path.as_path());
    let mut others = own.chain(FALLBACKS.map(Path::new));
    let home = others.find(|home| can_write(home)).unwrap_or(top);
    if let Some(lost) = declared.or(accounts).filter(|lost| *lost != top) {
        let (lost, found) = (printable::path(lost), printable::path(home));
        notes.notice(format!("HOME is {found}: {who} cannot use {lost}; {}", fix(&lost)));
    }
    home.to_owned()
}

fn of_account(account: Option<&Account>) -> Option<&Path> {
    account.map(|account| account.home.as_path()).filter(|home| !home.as_os_str().is_empty())
}

/// Whether the boot gives this path to the app user.
fn is_given(container: &Container, identity: &Identity, home: &Path, facts: &Facts) -> bool {
    let is_apps = |user: &Option<UserRef>| match user {
        None => true,
        Some(UserRef::Name(name)) => name.as_str() == identity.name,
        Some(UserRef::Id(uid)) => *uid == identity.uid && *uid != Uid::ROOT,
    };
    let is_missing = matches!(facts.paths.get(home), Some(PathFact::Missing(_)));
    let gives = |own: &&Own| {
        let within = home.strip_prefix(&own.path).ok();
        let is_skipped = within.is_some_and(|within| own.options.exclude.iter().any(|left| within.starts_with(left)));
        let fits = match (within, is_missing) {
            (Some(within), true) => within.as_os_str().is_empty() && own.options.create,
            (Some(within), false) => within.as_os_str().is_empty() || own.options.recursive,
            (None, _) => false,
        };
        is_apps(&own.user) && own.options.when.may_change() && fits && !is_skipped
    };
    let makes = |made: &&Directory| made.path == home && is_apps(&made.user) && made.mode & 0o300 == 0o300;
    container.own.iter().any(|own| gives(&own)) || container.directories.iter().any(|made| makes(&made))
}
