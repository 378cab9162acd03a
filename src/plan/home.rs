//! HOME where nobody can be become: without root it is found among what there is. Must not know how it is asked for.

use std::path::{Path, PathBuf};

use super::Identity;
use super::access::usable;
use super::accounts::passwd::Account;
use super::facts::{Access, Facts};
use super::identity::is_field;
use super::notes::Notes;
use super::show::words;
use crate::config::container::Container;

/// Where everybody can write, mostly.
pub const ELSEWHERE: [&str; 2] = ["/tmp", "/dev/shm"];

/// Returns HOME: as it was given by hand (`-e HOME=…`), the declared one, the account's, the first declared path that can
/// be written, a place where everybody can write; `/` only where there is nothing better.
///
/// What a runtime gives by itself is not meant by anybody: `/` for a uid that no file knows, else the account's.
pub(super) fn find(
    container: &Container,
    facts: &Facts,
    identity: &Identity,
    account: Option<&Account>,
    notes: &mut Notes,
) -> PathBuf {
    let root = Path::new("/");
    let accounts = account.map(|account| account.home.as_path()).filter(|home| !home.as_os_str().is_empty());
    let given = facts.home.as_deref().filter(|home| is_field(home) && *home != root && Some(*home) != accounts);
    // Of a root without power the kernel was not asked: owner and mode have to tell.
    let can_write = |home: &&Path| match facts.homes.get(*home) {
        Some(access) => *access == Access::Yes,
        None => facts.paths.get(*home).is_some_and(|fact| usable(identity, fact)),
    };
    // The account's is what every program expects that asks for it: to be there is enough.
    let is_there = |home: &&Path| {
        *home != root && !matches!(facts.homes.get(*home), Some(Access::Missing | Access::Unfit)) && home.is_absolute()
    };
    let declared = container.app.home.as_deref();
    let meant = given.filter(can_write).or_else(|| declared.filter(can_write)).or_else(|| accounts.filter(is_there));
    if let Some(home) = meant {
        return home.to_owned();
    }
    let own = container.own.iter().map(|own| own.path.as_path());
    let mut others = own.chain(ELSEWHERE.map(Path::new));
    let home = others.find(can_write).unwrap_or(root);
    if let Some(lost) = given.or(declared).or(accounts).filter(|lost| *lost != root) {
        let (lost, found) = (words::path(lost), words::path(home));
        let who = format!("{}:{}", identity.uid, identity.gid);
        notes.notice(format!("HOME is {found}: {who} cannot use {lost}; mount a volume there that it can write"));
    }
    home.to_owned()
}
