//! Candidates for HOME: without root the kernel checks access to each; root, who may access everything, reads owner and
//! mode. `plan` decides which is used.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::config::service::RunAs;
use crate::config::values::Uid;
use crate::plan::accounts::passwd;
use crate::plan::facts::{Access, AccountFile, AccountState};
use crate::plan::home::FALLBACKS;
use crate::sys::access;

/// Checks the given HOME, the declared home, the account's, and the fallbacks up to the first that can be used.
pub(super) fn read(
    config: &Config,
    given: Option<&Path>,
    uid: Uid,
    accounts: &BTreeMap<AccountFile, AccountState>,
) -> BTreeMap<PathBuf, Access> {
    let passwd = accounts.get(&AccountFile::Passwd).map_or(&[][..], AccountState::bytes);
    let account = passwd::by_uid(passwd, uid).map(|account| account.home);
    let container = &config.container;
    let own = container.own.iter().map(|own| own.path.as_path());
    let named = given.into_iter().chain(container.app.home.as_deref()).chain(account.as_deref());
    let all = named.chain(own).filter(|path| path.is_absolute());
    let mut found: BTreeMap<_, _> = all.map(|path| (path.to_owned(), access::can_create_in(path))).collect();
    for path in FALLBACKS.map(PathBuf::from) {
        let access = *found.entry(path).or_insert_with_key(|path| access::can_create_in(path));
        if access == Access::Yes {
            break;
        }
    }
    found
}

/// Returns the directories whose state root needs: the homes of the app user and of all users of services.
pub(super) fn named(config: &Config, accounts: &BTreeMap<AccountFile, AccountState>) -> BTreeSet<PathBuf> {
    let passwd = accounts.get(&AccountFile::Passwd).map_or(&[][..], AccountState::bytes);
    let app = passwd::by_name(passwd, &config.container.app.user);
    let others = config.services.iter().filter_map(|service| match &service.user {
        RunAs::Account(name) => passwd::by_name(passwd, name),
        RunAs::Ids(uid, _) => passwd::by_uid(passwd, *uid),
        RunAs::App | RunAs::Root => None,
    });
    let homes = app.into_iter().chain(others).map(|account| account.home);
    homes.filter(|path| path.is_absolute()).collect()
}
