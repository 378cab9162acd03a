//! `run-as USER CMD…`: resolves the user, and calls `run_as`.

use std::collections::BTreeMap;

use super::args::RunAsArgs;
use super::output;
use crate::error::{Error, Place, Problem};
use crate::inspect::facts;
use crate::inspect::source::ConfigPaths;
use crate::plan;
use crate::plan::facts::{AccountFile, Facts};
use crate::run_as::{TargetUser, caller, exec, find};

/// The name that means the app user of this container.
const APP: &str = "app";

/// Executes the command as that user; returns only on an error.
pub(super) fn run(args: &RunAsArgs) -> u8 {
    let user = match user(&args.user) {
        Ok(user) => user,
        Err(UserError::NotFound(problem)) => return output::usage_error(&problem),
        Err(UserError::AppUser(error)) => return output::failed(&error),
    };
    let Some((program, arguments)) = args.command.split_first() else {
        let problem =
            Problem::new(Place::Argument("run-as".into()), "the command is missing", "write one after the user");
        return output::usage_error(&problem);
    };
    let not_run = exec(&user, program, arguments);
    output::err(&format!("stepdown: {not_run}\n"));
    not_run.exit_code()
}

/// Why the user cannot be resolved.
enum UserError {
    /// There is no such user.
    NotFound(Problem),
    /// The app user is not known, because a boot here would fail.
    AppUser(Error),
}

fn user(user: &str) -> Result<TargetUser, UserError> {
    let (name, group) = user.split_once(':').map_or((user, None), |(name, group)| (name, Some(group)));
    let group = group.filter(|group| !group.is_empty());
    let files = || [AccountFile::Passwd, AccountFile::Group].map(facts::account_bytes);
    if name != APP {
        let [passwd, group] = files();
        return find(user, &passwd, &group, caller()).map_err(UserError::NotFound);
    }
    let app = app().map_err(UserError::AppUser)?;
    match group {
        None => Ok(app),
        Some(word) => {
            let [passwd, group] = files();
            let found = find(&format!("{}:{word}", app.uid), &passwd, &group, caller()).map_err(UserError::NotFound)?;
            Ok(TargetUser { gid: found.gid, groups: found.groups, ..app })
        }
    }
}

/// The user that a boot here steps down to: with PUID and PGID, and with its groups. Under `--user` our own.
fn app() -> Result<TargetUser, Error> {
    // A placeholder for the main command, which is not known here.
    let config = super::source::config(&ConfigPaths::installed(), vec!["true".into()])?;
    let identity = plan::boot(&config, &Facts { secrets: BTreeMap::new(), ..facts::read(&config) })?.identity;
    let plan::Identity { name, uid, gid, groups, home, .. } = identity;
    Ok(TargetUser { name, uid, gid, groups, home, has_account: true })
}
