//! Every file of a definition and every variable that s6-overlay 3.2.3 knows, and what becomes of it here. One table: the
//! loader takes from it what it ignores and refuses, and `check` prints the rows that concern an image.

use crate::config::s6_overlay::HOOK;

/// What has a file, or whether it is a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// A longrun of s6-rc.
    Longrun,
    /// A oneshot of s6-rc.
    Oneshot,
    /// A bundle of s6-rc.
    Bundle,
    /// A service of `/etc/services.d`.
    Legacy,
    /// A variable of the container.
    Variable,
}

/// What becomes of a file or a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Treatment {
    /// It has the effect that it has under s6-overlay.
    Honoured,
    /// It has no effect.
    Ignored {
        /// Why, and what happens instead.
        reason: &'static str,
    },
    /// The container does not start with it.
    Refused {
        /// What to write.
        write: &'static str,
    },
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The name of the file or of the variable.
    pub item: &'static str,
    /// What has it.
    pub scope: Scope,
    /// What becomes of it.
    pub treatment: Treatment,
}

const fn honoured(scope: Scope, item: &'static str) -> Row {
    Row { item, scope, treatment: Treatment::Honoured }
}

const fn ignored(scope: Scope, item: &'static str, reason: &'static str) -> Row {
    Row { item, scope, treatment: Treatment::Ignored { reason } }
}

const fn refused(scope: Scope, item: &'static str, write: &'static str) -> Row {
    Row { item, scope, treatment: Treatment::Refused { write } }
}

const NO_LOCK: &str = "no two processes of a service run at the same time";
const NO_REMOVAL: &str = "it can be stopped manually as any other";
const NOT_NEEDED: &str = "nothing here asks for it";
const ON_ONESHOT: &str = "it has no effect on a oneshot";
const NO_NAMESPACE: &str = "remove it: services share the container's process namespace";
const NO_INSTANCES: &str = "write one directory for each instance";

/// What a longrun without `notification-fd` has of `timeout-up`.
pub const UP_AT_ONCE: Row = ignored(Scope::Longrun, "timeout-up", "without `notification-fd` a longrun is up at once");

/// The table.
pub const TABLE: &[Row] = &[
    honoured(Scope::Longrun, "type"),
    honoured(Scope::Longrun, "run"),
    honoured(Scope::Longrun, "finish"),
    honoured(Scope::Longrun, "timeout-finish"),
    honoured(Scope::Longrun, "dependencies.d"),
    honoured(Scope::Longrun, "dependencies"),
    honoured(Scope::Longrun, "notification-fd"),
    honoured(Scope::Longrun, "timeout-up"),
    ignored(Scope::Longrun, "timeout-down", "the whole stop has a budget (`stop_timeout`); `timeout-kill` is honoured"),
    honoured(Scope::Longrun, "timeout-kill"),
    honoured(Scope::Longrun, "flag-timeout-killpg"),
    honoured(Scope::Longrun, "max-death-tally"),
    honoured(Scope::Longrun, "down-signal"),
    honoured(Scope::Longrun, "reload-signal"),
    honoured(Scope::Longrun, "producer-for"),
    honoured(Scope::Longrun, "consumer-for"),
    honoured(Scope::Longrun, "pipeline-name"),
    honoured(Scope::Longrun, "data"),
    honoured(Scope::Longrun, "env"),
    ignored(Scope::Longrun, "down", "s6-rc has none on a longrun; leave the service out of `user` instead"),
    ignored(Scope::Longrun, "up", "a longrun has `run`"),
    ignored(Scope::Longrun, "log", "write a consumer and `producer-for`"),
    ignored(Scope::Longrun, "flag-essential", NO_REMOVAL),
    ignored(Scope::Longrun, "flag-recommended", NOT_NEEDED),
    ignored(Scope::Longrun, "lock-fd", NO_LOCK),
    refused(Scope::Longrun, "flag-newpidns", NO_NAMESPACE),
    refused(Scope::Longrun, "instance", NO_INSTANCES),
    refused(Scope::Longrun, "instances", NO_INSTANCES),
    honoured(Scope::Oneshot, "type"),
    honoured(Scope::Oneshot, "up"),
    honoured(Scope::Oneshot, "down"),
    honoured(Scope::Oneshot, "dependencies.d"),
    honoured(Scope::Oneshot, "dependencies"),
    honoured(Scope::Oneshot, "timeout-down"),
    ignored(Scope::Oneshot, "timeout-up", "a oneshot may take as long as it does"),
    ignored(Scope::Oneshot, "reload", "a oneshot is started again instead"),
    ignored(Scope::Oneshot, "flag-essential", NO_REMOVAL),
    ignored(Scope::Oneshot, "flag-recommended", NOT_NEEDED),
    ignored(Scope::Oneshot, "consumer-for", ON_ONESHOT),
    ignored(Scope::Oneshot, "down-signal", ON_ONESHOT),
    ignored(Scope::Oneshot, "finish", ON_ONESHOT),
    ignored(Scope::Oneshot, "flag-newpidns", ON_ONESHOT),
    ignored(Scope::Oneshot, "flag-timeout-killpg", ON_ONESHOT),
    ignored(Scope::Oneshot, "lock-fd", ON_ONESHOT),
    ignored(Scope::Oneshot, "log", ON_ONESHOT),
    ignored(Scope::Oneshot, "max-death-tally", ON_ONESHOT),
    ignored(Scope::Oneshot, "notification-fd", ON_ONESHOT),
    ignored(Scope::Oneshot, "pipeline-name", ON_ONESHOT),
    ignored(Scope::Oneshot, "producer-for", ON_ONESHOT),
    ignored(Scope::Oneshot, "reload-signal", ON_ONESHOT),
    ignored(Scope::Oneshot, "timeout-finish", ON_ONESHOT),
    ignored(Scope::Oneshot, "timeout-kill", ON_ONESHOT),
    honoured(Scope::Bundle, "type"),
    honoured(Scope::Bundle, "contents.d"),
    honoured(Scope::Bundle, "contents"),
    ignored(Scope::Bundle, "dependencies.d", "a bundle has none: its members do"),
    ignored(Scope::Bundle, "dependencies", "a bundle has none: its members do"),
    ignored(Scope::Bundle, "flag-essential", NO_REMOVAL),
    ignored(Scope::Bundle, "flag-recommended", NOT_NEEDED),
    honoured(Scope::Legacy, "run"),
    honoured(Scope::Legacy, "finish"),
    honoured(Scope::Legacy, "timeout-finish"),
    honoured(Scope::Legacy, "notification-fd"),
    honoured(Scope::Legacy, "timeout-kill"),
    honoured(Scope::Legacy, "flag-timeout-killpg"),
    honoured(Scope::Legacy, "max-death-tally"),
    honoured(Scope::Legacy, "down-signal"),
    honoured(Scope::Legacy, "reload-signal"),
    honoured(Scope::Legacy, "down"),
    honoured(Scope::Legacy, "log"),
    honoured(Scope::Legacy, "data"),
    honoured(Scope::Legacy, "env"),
    ignored(Scope::Legacy, "lock-fd", NO_LOCK),
    refused(Scope::Legacy, "flag-newpidns", NO_NAMESPACE),
    refused(Scope::Legacy, "instance", NO_INSTANCES),
    refused(Scope::Legacy, "instances", NO_INSTANCES),
    honoured(Scope::Variable, "S6_BEHAVIOUR_IF_STAGE2_FAILS"),
    honoured(Scope::Variable, "S6_CMD_ARG0"),
    honoured(Scope::Variable, "S6_CMD_RECEIVE_SIGNALS"),
    honoured(Scope::Variable, "S6_KEEP_ENV"),
    honoured(Scope::Variable, "S6_KILL_FINISH_MAXTIME"),
    honoured(Scope::Variable, "S6_KILL_GRACETIME"),
    honoured(Scope::Variable, "S6_SERVICES_GRACETIME"),
    honoured(Scope::Variable, HOOK),
    honoured(Scope::Variable, "S6_SYNC_DISKS"),
    honoured(Scope::Variable, "S6_LOGGING_SCRIPT"),
    honoured(Scope::Variable, "S6_RUNTIME_BUNDLEDIR"),
    honoured(Scope::Variable, "S6_RUNTIME_PROFILE"),
    ignored(Scope::Variable, "S6_CATCHALL_USER", "there is no logger that catches what nobody else does"),
    ignored(Scope::Variable, "S6_CMD_USE_TERMINAL", "the main command has the container's terminal"),
    ignored(Scope::Variable, "S6_CMD_WAIT_FOR_SERVICES", "the main command always waits until services are up"),
    ignored(
        Scope::Variable,
        "S6_CMD_WAIT_FOR_SERVICES_MAXTIME",
        "the main command waits until every service is up or has failed",
    ),
    ignored(Scope::Variable, "S6_FIX_ATTRS_HIDDEN", "hidden files are always included"),
    ignored(Scope::Variable, "S6_LOGGING", "lines go to the container's output; a service may have `log.directory`"),
    ignored(Scope::Variable, "S6_READ_ONLY_ROOT", "a read-only root is found at each start"),
    ignored(Scope::Variable, "S6_SERVICES_READYTIME", "nothing has to be waited for before readiness is"),
    ignored(Scope::Variable, "S6_VERBOSITY", "`STEPDOWN_LOG` has the level of our messages"),
    ignored(Scope::Variable, "S6_WAIT_FOR_CLOSING_FD", "the container is up when its services are"),
    ignored(
        Scope::Variable,
        "S6_YES_I_WANT_A_WORLD_WRITABLE_RUN_BECAUSE_KUBERNETES",
        "`/run` may have any owner and mode",
    ),
];

/// Returns the rows of a scope.
pub fn rows(scope: Scope) -> impl Iterator<Item = &'static Row> {
    TABLE.iter().filter(move |row| row.scope == scope)
}
