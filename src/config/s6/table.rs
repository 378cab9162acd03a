//! Every file of a definition and every variable that s6-overlay 3.2.3 knows, what version 2 has besides, and what becomes of it
//! here. One table: the loader takes from it what it ignores, refuses and proposes for a misspelt name, `check` prints the rows
//! that concern an image, and `docs/src/reference/s6-overlay.md` has all of them. Must not know how a file is read.

pub use super::table_row::{ItemScope, Row, Treatment};
use super::table_row::{differs, honoured, ignored, refused};
use crate::config::s6_overlay::{HOOK, OverlayVersion, VERSION_TWO_LIST};

const NO_LOCK: &str = "no two processes of a service run at the same time";
const NO_REMOVAL: &str = "it can be stopped manually as any other";
const NOT_NEEDED: &str = "nothing here asks for it";
const OF_S6_RC: &str = "s6-rc has it; here there is only s6";
const REMOVE: &str = "remove it";
const NO_BUNDLES: &str = "require the services themselves";
const NOT_OF_S6: &str = "s6-overlay does not read it here";
const OF_ONESHOT: &str = "a longrun has `run`";
const OF_LONGRUN: &str = "it is a file of a longrun";
const NO_NAMESPACE: &str = "remove it: services share the container's process namespace";
const NO_INSTANCES: &str = "write one directory for each instance";

/// Services that s6-overlay 2 starts before everything else.
pub const STAGE_ONE_SERVICES: &str = "/etc/s6/services";
/// Variables that s6-overlay 2 gives to all services.
pub const STAGE_ONE_VARIABLES: &str = "/etc/s6/init/env";

/// What a longrun without `notification-fd` has of `timeout-up`.
pub const UP_AT_ONCE: Row =
    ignored(ItemScope::Longrun, "timeout-up", "without `notification-fd` a longrun is up at once");

/// The table.
pub const TABLE: &[Row] = &[
    honoured(ItemScope::Longrun, "type"),
    honoured(ItemScope::Longrun, "run"),
    honoured(ItemScope::Longrun, "finish"),
    honoured(ItemScope::Longrun, "timeout-finish"),
    honoured(ItemScope::Longrun, "dependencies.d"),
    honoured(ItemScope::Longrun, "dependencies"),
    honoured(ItemScope::Longrun, "notification-fd"),
    honoured(ItemScope::Longrun, "timeout-up"),
    ignored(
        ItemScope::Longrun,
        "timeout-down",
        "s6-rc stops waiting then and kills nothing; here it has time until its `timeout-kill` or its share of \
         `stop_timeout`, and what it depends on stays up until it is down",
    ),
    honoured(ItemScope::Longrun, "timeout-kill"),
    honoured(ItemScope::Longrun, "flag-timeout-killpg"),
    honoured(ItemScope::Longrun, "max-death-tally"),
    honoured(ItemScope::Longrun, "down-signal"),
    honoured(ItemScope::Longrun, "reload-signal"),
    honoured(ItemScope::Longrun, "producer-for"),
    honoured(ItemScope::Longrun, "consumer-for"),
    honoured(ItemScope::Longrun, "pipeline-name"),
    honoured(ItemScope::Longrun, "data"),
    honoured(ItemScope::Longrun, "env"),
    ignored(ItemScope::Longrun, "down", "s6-rc has none on a longrun; leave the service out of `user` instead"),
    ignored(ItemScope::Longrun, "up", OF_ONESHOT),
    ignored(ItemScope::Longrun, "log", "write a consumer and `producer-for`"),
    ignored(ItemScope::Longrun, "flag-essential", NO_REMOVAL),
    ignored(ItemScope::Longrun, "flag-recommended", NOT_NEEDED),
    ignored(ItemScope::Longrun, "lock-fd", NO_LOCK),
    refused(ItemScope::Longrun, "flag-newpidns", NO_NAMESPACE),
    refused(ItemScope::Longrun, "instance", NO_INSTANCES),
    refused(ItemScope::Longrun, "instances", NO_INSTANCES),
    honoured(ItemScope::Oneshot, "type"),
    honoured(ItemScope::Oneshot, "up"),
    honoured(ItemScope::Oneshot, "down"),
    honoured(ItemScope::Oneshot, "dependencies.d"),
    honoured(ItemScope::Oneshot, "dependencies"),
    honoured(ItemScope::Oneshot, "timeout-up"),
    honoured(ItemScope::Oneshot, "timeout-down"),
    ignored(
        ItemScope::Oneshot,
        "reload",
        "`s6-rc reload` has no effect on a oneshot here; `stepdown restart` runs `down` and `up`",
    ),
    ignored(ItemScope::Oneshot, "flag-essential", NO_REMOVAL),
    ignored(ItemScope::Oneshot, "flag-recommended", NOT_NEEDED),
    ignored(ItemScope::Oneshot, "consumer-for", OF_LONGRUN),
    ignored(ItemScope::Oneshot, "down-signal", OF_LONGRUN),
    ignored(ItemScope::Oneshot, "finish", OF_LONGRUN),
    ignored(ItemScope::Oneshot, "flag-newpidns", OF_LONGRUN),
    ignored(ItemScope::Oneshot, "flag-timeout-killpg", OF_LONGRUN),
    ignored(ItemScope::Oneshot, "lock-fd", OF_LONGRUN),
    ignored(ItemScope::Oneshot, "log", OF_LONGRUN),
    ignored(ItemScope::Oneshot, "max-death-tally", OF_LONGRUN),
    ignored(ItemScope::Oneshot, "notification-fd", OF_LONGRUN),
    ignored(ItemScope::Oneshot, "pipeline-name", OF_LONGRUN),
    ignored(ItemScope::Oneshot, "producer-for", OF_LONGRUN),
    ignored(ItemScope::Oneshot, "reload-signal", OF_LONGRUN),
    ignored(ItemScope::Oneshot, "timeout-finish", OF_LONGRUN),
    ignored(ItemScope::Oneshot, "timeout-kill", OF_LONGRUN),
    honoured(ItemScope::Bundle, "type"),
    honoured(ItemScope::Bundle, "contents.d"),
    honoured(ItemScope::Bundle, "contents"),
    ignored(ItemScope::Bundle, "dependencies.d", "a bundle has none: its members do"),
    ignored(ItemScope::Bundle, "dependencies", "a bundle has none: its members do"),
    ignored(ItemScope::Bundle, "flag-essential", NO_REMOVAL),
    ignored(ItemScope::Bundle, "flag-recommended", NOT_NEEDED),
    honoured(ItemScope::Legacy, "run"),
    honoured(ItemScope::Legacy, "finish"),
    honoured(ItemScope::Legacy, "timeout-finish"),
    honoured(ItemScope::Legacy, "notification-fd"),
    honoured(ItemScope::Legacy, "timeout-kill"),
    honoured(ItemScope::Legacy, "flag-timeout-killpg"),
    honoured(ItemScope::Legacy, "max-death-tally"),
    honoured(ItemScope::Legacy, "down-signal"),
    honoured(ItemScope::Legacy, "reload-signal"),
    honoured(ItemScope::Legacy, "down"),
    honoured(ItemScope::Legacy, "log"),
    honoured(ItemScope::Legacy, "data"),
    honoured(ItemScope::Legacy, "env"),
    ignored(ItemScope::Legacy, "lock-fd", NO_LOCK),
    refused(ItemScope::Legacy, "flag-newpidns", NO_NAMESPACE),
    refused(ItemScope::Legacy, "instance", NO_INSTANCES),
    refused(ItemScope::Legacy, "instances", NO_INSTANCES),
    differs(ItemScope::Legacy, "type", NOT_OF_S6),
    differs(ItemScope::Legacy, "dependencies.d", NOT_OF_S6),
    differs(ItemScope::Legacy, "dependencies", NOT_OF_S6),
    differs(ItemScope::Legacy, "producer-for", NOT_OF_S6),
    differs(ItemScope::Legacy, "consumer-for", NOT_OF_S6),
    ignored(ItemScope::Legacy, "pipeline-name", NO_BUNDLES),
    ignored(ItemScope::Legacy, "timeout-up", OF_S6_RC),
    ignored(ItemScope::Legacy, "timeout-down", OF_S6_RC),
    ignored(ItemScope::Legacy, "flag-essential", NO_REMOVAL),
    ignored(ItemScope::Legacy, "flag-recommended", NOT_NEEDED),
    ignored(ItemScope::Legacy, "up", OF_ONESHOT),
    honoured(ItemScope::TreeLongrun, "type"),
    honoured(ItemScope::TreeLongrun, "run"),
    honoured(ItemScope::TreeLongrun, "finish"),
    honoured(ItemScope::TreeLongrun, "timeout-finish"),
    honoured(ItemScope::TreeLongrun, "dependencies.d"),
    honoured(ItemScope::TreeLongrun, "dependencies"),
    honoured(ItemScope::TreeLongrun, "notification-fd"),
    honoured(ItemScope::TreeLongrun, "timeout-up"),
    refused(ItemScope::TreeLongrun, "timeout-down", "remove it: the whole stop has a budget (`stop_timeout`)"),
    honoured(ItemScope::TreeLongrun, "timeout-kill"),
    honoured(ItemScope::TreeLongrun, "flag-timeout-killpg"),
    honoured(ItemScope::TreeLongrun, "max-death-tally"),
    honoured(ItemScope::TreeLongrun, "down-signal"),
    honoured(ItemScope::TreeLongrun, "down"),
    honoured(ItemScope::TreeLongrun, "log"),
    honoured(ItemScope::TreeLongrun, "producer-for"),
    honoured(ItemScope::TreeLongrun, "consumer-for"),
    honoured(ItemScope::TreeLongrun, "data"),
    honoured(ItemScope::TreeLongrun, "env"),
    honoured(ItemScope::TreeLongrun, "flag-essential"),
    ignored(ItemScope::TreeLongrun, "flag-recommended", NOT_NEEDED),
    ignored(ItemScope::TreeLongrun, "pipeline-name", NO_BUNDLES),
    ignored(ItemScope::TreeLongrun, "up", OF_ONESHOT),
    refused(ItemScope::TreeLongrun, "lock-fd", REMOVE),
    refused(ItemScope::TreeLongrun, "flag-newpidns", NO_NAMESPACE),
    refused(ItemScope::TreeLongrun, "instance", NO_INSTANCES),
    refused(ItemScope::TreeLongrun, "instances", NO_INSTANCES),
    refused(ItemScope::TreeLongrun, "reload", REMOVE),
    refused(ItemScope::TreeLongrun, "reload-signal", "write a `service.toml` with `reload = { signal = \"…\" }`"),
    refused(ItemScope::TreeLongrun, "contents.d", NO_BUNDLES),
    refused(ItemScope::TreeLongrun, "contents", NO_BUNDLES),
    honoured(ItemScope::TreeOneshot, "type"),
    honoured(ItemScope::TreeOneshot, "up"),
    honoured(ItemScope::TreeOneshot, "down"),
    honoured(ItemScope::TreeOneshot, "dependencies.d"),
    honoured(ItemScope::TreeOneshot, "dependencies"),
    honoured(ItemScope::TreeOneshot, "timeout-up"),
    honoured(ItemScope::TreeOneshot, "timeout-down"),
    honoured(ItemScope::TreeOneshot, "flag-essential"),
    honoured(ItemScope::TreeOneshot, "data"),
    honoured(ItemScope::TreeOneshot, "env"),
    ignored(ItemScope::TreeOneshot, "flag-recommended", NOT_NEEDED),
    ignored(ItemScope::TreeOneshot, "consumer-for", OF_LONGRUN),
    ignored(ItemScope::TreeOneshot, "down-signal", OF_LONGRUN),
    ignored(ItemScope::TreeOneshot, "finish", OF_LONGRUN),
    ignored(ItemScope::TreeOneshot, "flag-newpidns", OF_LONGRUN),
    ignored(ItemScope::TreeOneshot, "flag-timeout-killpg", OF_LONGRUN),
    ignored(ItemScope::TreeOneshot, "lock-fd", OF_LONGRUN),
    ignored(ItemScope::TreeOneshot, "log", OF_LONGRUN),
    ignored(ItemScope::TreeOneshot, "max-death-tally", OF_LONGRUN),
    ignored(ItemScope::TreeOneshot, "notification-fd", OF_LONGRUN),
    ignored(ItemScope::TreeOneshot, "pipeline-name", OF_LONGRUN),
    ignored(ItemScope::TreeOneshot, "producer-for", OF_LONGRUN),
    ignored(ItemScope::TreeOneshot, "reload-signal", OF_LONGRUN),
    ignored(ItemScope::TreeOneshot, "run", OF_LONGRUN),
    ignored(ItemScope::TreeOneshot, "timeout-finish", OF_LONGRUN),
    ignored(ItemScope::TreeOneshot, "timeout-kill", OF_LONGRUN),
    refused(ItemScope::TreeOneshot, "instance", NO_INSTANCES),
    refused(ItemScope::TreeOneshot, "instances", NO_INSTANCES),
    refused(ItemScope::TreeOneshot, "reload", REMOVE),
    refused(ItemScope::TreeOneshot, "contents.d", NO_BUNDLES),
    refused(ItemScope::TreeOneshot, "contents", NO_BUNDLES),
    differs(
        ItemScope::Variable,
        "S6_BEHAVIOUR_IF_STAGE2_FAILS",
        "with 2 the container ends with the code of the script that failed, where s6-overlay has 1: it says which failure it was; and with 100 for a service of services.d that is held back",
    ),
    honoured(ItemScope::Variable, "S6_CMD_ARG0"),
    honoured(ItemScope::Variable, "S6_CMD_RECEIVE_SIGNALS"),
    honoured(ItemScope::Variable, "S6_CMD_WAIT_FOR_SERVICES"),
    honoured(ItemScope::Variable, "S6_CMD_WAIT_FOR_SERVICES_MAXTIME"),
    differs(
        ItemScope::Variable,
        "S6_KEEP_ENV",
        "with it scripts and services also get what `FILE__NAME=PATH` names, as the variable `NAME`; without it that is in the container environment",
    ),
    honoured(ItemScope::Variable, "S6_KILL_FINISH_MAXTIME"),
    honoured(ItemScope::Variable, "S6_KILL_GRACETIME"),
    honoured(ItemScope::Variable, "S6_SERVICES_GRACETIME"),
    honoured(ItemScope::Variable, HOOK),
    honoured(ItemScope::Variable, "S6_SYNC_DISKS"),
    honoured(ItemScope::Variable, "S6_LOGGING_SCRIPT"),
    honoured(ItemScope::Variable, "S6_RUNTIME_BUNDLEDIR"),
    honoured(ItemScope::Variable, "S6_RUNTIME_PROFILE"),
    ignored(ItemScope::Variable, "S6_CATCHALL_USER", "there is no logger that catches what nobody else does"),
    ignored(ItemScope::Variable, "S6_CMD_USE_TERMINAL", "the main command has the container's terminal"),
    ignored(ItemScope::Variable, "S6_FIX_ATTRS_HIDDEN", "hidden files are always included"),
    ignored(
        ItemScope::Variable,
        "S6_LOGGING",
        "lines go to the container's output; a service may have `log.directory`",
    ),
    ignored(ItemScope::Variable, "S6_READ_ONLY_ROOT", "a read-only root is found at each start"),
    ignored(ItemScope::Variable, "S6_SERVICES_READYTIME", "nothing has to be waited for before readiness is"),
    ignored(ItemScope::Variable, "S6_VERBOSITY", "`STEPDOWN_LOG` has the level of our messages"),
    ignored(ItemScope::Variable, "S6_WAIT_FOR_CLOSING_FD", "the container is up when its services are"),
    ignored(
        ItemScope::Variable,
        "S6_YES_I_WANT_A_WORLD_WRITABLE_RUN_BECAUSE_KUBERNETES",
        "`/run` may have any owner and mode",
    ),
    differs(
        ItemScope::VersionTwo,
        VERSION_TWO_LIST,
        "scripts without the execute bit are run by the interpreters that they name; no mode and no owner in the image is \
         changed, and what an image has added to the file is not read (write `[[own]]`)",
    ),
    differs(
        ItemScope::VersionTwo,
        "/etc/s6/init",
        "the scripts of its stages are not run: what an image has changed in them has no effect",
    ),
    ignored(
        ItemScope::VersionTwo,
        STAGE_ONE_VARIABLES,
        "services get `PATH` alone there; set its variables in the image (`ENV`), which `with-contenv` reads",
    ),
    ignored(ItemScope::VersionTwo, STAGE_ONE_SERVICES, "not started; move its services to `/etc/services.d`"),
    differs(
        ItemScope::VersionTwo,
        "/etc/cont-finish.d",
        "runs when the services are down, as with s6-overlay 3; s6-overlay 2 runs it while they stop",
    ),
    honoured(ItemScope::VersionTwo, "/var/run/s6/container_environment"),
    honoured(ItemScope::VersionTwo, "/var/run/s6/env-stage3/S6_STAGE2_EXITED"),
    differs(
        ItemScope::VersionTwo,
        "/var/run/s6/etc",
        "a link to `/etc`: nothing is copied, and with `S6_RUNTIME_PROFILE` it is not the profile",
    ),
    differs(
        ItemScope::VersionTwo,
        "/var/run/s6/services",
        "a link to `/run/service`; a directory that is copied there is no service: write it to `/etc/services.d`, then \
         `stepdown reload`",
    ),
    differs(
        ItemScope::VersionTwo,
        "S6_BEHAVIOUR_IF_STAGE2_FAILS",
        "with 1 the rest starts after a failure, with a warning; s6-overlay 2 then starts nothing more",
    ),
    differs(
        ItemScope::VersionTwo,
        "S6_CMD_WAIT_FOR_SERVICES",
        "without S6_CMD_WAIT_FOR_SERVICES_MAXTIME the wait has no limit, as with s6-overlay 3; with s6-overlay 2 it ends after \
         5000 milliseconds",
    ),
];

/// Returns what differs of these variables and paths in an image made for that version, each with its name.
pub fn differences<'n>(
    items: &'n [&str],
    version: OverlayVersion,
) -> impl Iterator<Item = (&'static str, &'static str)> + 'n {
    let of_version = rows(ItemScope::VersionTwo).filter(move |_| version == OverlayVersion::Two);
    let all = rows(ItemScope::Variable).chain(of_version).filter(|row| items.contains(&row.item));
    all.filter_map(|row| match row.treatment {
        Treatment::Differs { difference } => Some((row.item, difference)),
        Treatment::Honoured | Treatment::Ignored { .. } | Treatment::Refused { .. } => None,
    })
}

/// Returns the rows of a scope.
pub fn rows(scope: ItemScope) -> impl Iterator<Item = &'static Row> {
    TABLE.iter().filter(move |row| row.scope == scope)
}

fn files() -> impl Iterator<Item = &'static Row> + Clone {
    TABLE.iter().filter(|row| !matches!(row.scope, ItemScope::Variable | ItemScope::VersionTwo))
}

/// Returns whether any scope of files has that name.
pub fn is_file(name: &str) -> bool {
    files().any(|row| row.item == name)
}

/// Returns whether the file of a longrun means nothing to s6-supervise, or nothing at all: s6-rc puts no such file into the
/// directory of the service, where a `down` would mean something to scripts.
pub fn stays_in_definition(name: &str) -> bool {
    let is_of = |scope| rows(scope).any(|row| row.item == name && row.treatment == Treatment::Honoured);
    rows(ItemScope::Longrun).any(|row| row.item == name) && !(is_of(ItemScope::Longrun) && is_of(ItemScope::Legacy))
}

/// Returns the names of files that a misspelt name may mean; not the shortest ones (`run`, `up`, `log`, `env`), which too
/// many names are like.
pub fn proposed() -> impl Iterator<Item = &'static str> + Clone {
    let files = files().filter(|row| row.is_honoured() && row.item.len() > 3);
    // Directories of the service's own.
    files.map(|row| row.item).filter(|item| *item != "data")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_s6_supervise_does_not_read_stays_in_the_definition_of_a_longrun() {
        for name in ["type", "up", "down", "log", "dependencies.d", "dependencies", "producer-for", "consumer-for"] {
            assert!(stays_in_definition(name), "{name}");
        }
        for name in ["pipeline-name", "timeout-up", "timeout-down", "flag-essential", "flag-recommended"] {
            assert!(stays_in_definition(name), "{name}");
        }
        for name in ["run", "finish", "data", "env", "notification-fd", "timeout-kill", "down-signal", "own-file"] {
            assert!(!stays_in_definition(name), "{name}");
        }
    }
}
