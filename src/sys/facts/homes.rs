//! Where HOME could be without root: the kernel is asked about each directory that comes into question. Which of them it
//! will be is `plan`'s to decide.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::access;
use crate::config::Config;
use crate::config::values::Uid;
use crate::plan::accounts::passwd;
use crate::plan::facts::{Access, AccountFile, AccountState};
use crate::plan::home::ELSEWHERE;

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
