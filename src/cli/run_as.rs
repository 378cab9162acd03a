//! `run-as USER CMD…`: finds out who is meant, and hands over to `run_as`.

use super::args::RunAsArgs;
use super::output;
use crate::error::{Error, Place, Problem};
use crate::inspect::facts;
use crate::inspect::source::Where;
use crate::plan;
use crate::plan::facts::AccountFile;
use crate::run_as::{TargetUser, caller, exec, find};

/// The app user of this container, whatever its account is called.
const APP: &str = "app";

/// Executes the command as that user; returns only if it could not.
pub(super) fn run(args: &RunAsArgs) -> u8 {
    let user = match user(&args.user) {
        Ok(user) => user,
        Err(Unknown::Nobody(problem)) => return output::wrong(&problem),
        Err(Unknown::App(error)) => return output::failed(&error),
    };
    let Some((program, arguments)) = args.command.split_first() else {
        let problem =
            Problem::new(Place::Argument("run-as".into()), "the command is missing", "write one after the user");
        return output::wrong(&problem);
    };
    let not_run = exec(&user, program, arguments);
    output::err(&format!("stepdown: {not_run}\n"));
    not_run.exit_code()
}

/// Why it is not known who is meant.
enum Unknown {
    /// There is no such user.
    Nobody(Problem),
    /// The app user is not known, because a boot here would fail.
    App(Error),
}

fn user(user: &str) -> Result<TargetUser, Unknown> {
    let (name, group) = user.split_once(':').map_or((user, None), |(name, group)| (name, Some(group)));
    let group = group.filter(|group| !group.is_empty());
    let files = || [AccountFile::Passwd, AccountFile::Group].map(facts::account_bytes);
    if name != APP {
        let [passwd, group] = files();
        return find(user, &passwd, &group, caller()).map_err(Unknown::Nobody);
    }
    let app = app().map_err(Unknown::App)?;
    match group {
        None => Ok(app),
        Some(word) => {
            let [passwd, group] = files();
            let found = find(&format!("{}:{word}", app.uid), &passwd, &group, caller()).map_err(Unknown::Nobody)?;
            Ok(TargetUser { gid: found.gid, groups: found.groups, ..app })
        }
    }
}

/// Whom a boot here steps down to: with PUID and PGID, and with its groups. Under `--user` that is whoever we are.
fn app() -> Result<TargetUser, Error> {
    // There is always a command in a container's life that we cannot know here; this one stands for it.
    let config = super::source::config(&Where::installed(), vec!["true".into()])?;
    let identity = plan::boot(&config, &facts::read(&config))?.identity;
    let plan::Identity { name, uid, gid, groups, home, .. } = identity;
    Ok(TargetUser { name, uid, gid, groups, home, has_account: true })
}
