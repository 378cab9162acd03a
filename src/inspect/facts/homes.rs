//! Where HOME could be: without root the kernel is asked about each directory that comes into question; root, who may do
//! everything, looks at owner and mode. Which of them it will be is `plan`'s to decide.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::config::service::RunAs;
use crate::config::values::Uid;
use crate::plan::accounts::passwd;
use crate::plan::facts::{Access, AccountFile, AccountState};
use crate::plan::home::ELSEWHERE;
use crate::sys::access;

/// Asks about HOME as it was given, the declared home, the account's, and everything that could stand in for them.
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
    let all = named.chain(own).chain(ELSEWHERE.map(Path::new)).filter(|path| path.is_absolute());
    all.map(|path| (path.to_owned(), access::can_create_in(path))).collect()
}

/// Returns the directories that root has to look at: the homes of the app user and of all that services run as, and what
/// could stand in for them.
pub(super) fn named(config: &Config, accounts: &BTreeMap<AccountFile, AccountState>) -> BTreeSet<PathBuf> {
    let passwd = accounts.get(&AccountFile::Passwd).map_or(&[][..], AccountState::bytes);
    let app = passwd::by_name(passwd, &config.container.app.user);
    let others = config.services.iter().filter_map(|service| match &service.user {
        RunAs::Account(name) => passwd::by_name(passwd, name),
        RunAs::Ids(uid, _) => passwd::by_uid(passwd, *uid),
        RunAs::App | RunAs::Root => None,
    });
    let homes = app.into_iter().chain(others).map(|account| account.home);
    homes.chain(ELSEWHERE.map(PathBuf::from)).filter(|path| path.is_absolute()).collect()
}
