//! [`S6Overlay`]: what an image made for s6-overlay expects of the container around its services, from its `S6_*` variables
//! (FIELD §2.2, §2.5). Must not know its definition files, or where anything lies at run time.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

use super::quote::shown_value;
use super::search_path::{DEFAULT_PATH, directories};
use super::values::ServiceName;

/// Directories that s6-overlay's `/init` puts before PATH if they are not in it, the first one last.
const PREFIX: [&str; 3] = ["/bin", "/usr/bin", "/command"];

/// The variable with the path of the stage 2 hook.
pub const HOOK: &str = "S6_STAGE2_HOOK";

/// The two times of the stop, one after the other.
const GRACE_TIMES: [&str; 2] = ["S6_SERVICES_GRACETIME", "S6_KILL_GRACETIME"];
/// Their default.
const GRACE_TIME: Duration = Duration::from_secs(3);

/// The list by which s6-overlay 2 sets owners and modes of an image's scripts: neither version 3 nor one before 1.14 has it.
pub const VERSION_TWO_LIST: &str = "/etc/s6/init/init-stage2-fixattrs.txt";

/// The variables that are read here.
pub const VARIABLES: [&str; 11] = [
    "S6_BEHAVIOUR_IF_STAGE2_FAILS",
    "S6_CMD_ARG0",
    "S6_CMD_RECEIVE_SIGNALS",
    "S6_CMD_WAIT_FOR_SERVICES",
    "S6_CMD_WAIT_FOR_SERVICES_MAXTIME",
    "S6_KEEP_ENV",
    "S6_KILL_FINISH_MAXTIME",
    "S6_KILL_GRACETIME",
    "S6_SERVICES_GRACETIME",
    HOOK,
    "S6_SYNC_DISKS",
];

/// The version of s6-overlay that an image was made for, as far as its files tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OverlayVersion {
    /// 2, or one of the later 1: it gives the scripts of the image their execute bits at each start.
    Two,
    /// 3, or unknown: it changes none of them.
    #[default]
    Three,
}

/// What an image made for s6-overlay expects of the container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct S6Overlay {
    /// Which version it was made for.
    pub version: OverlayVersion,
    /// Its services get the container's environment (`S6_KEEP_ENV`), not PATH alone.
    pub keep_env: bool,
    /// The program that runs before its definitions are final, with its arguments (`S6_STAGE2_HOOK`); empty: none.
    pub hook: Vec<OsString>,
    /// What follows if the hook or a oneshot fails.
    pub on_failure: OnFailure,
    /// Signals go to the main command, whose end begins the stop (`S6_CMD_RECEIVE_SIGNALS`).
    pub main_receives_signals: bool,
    /// The main command waits until services of `services.d` are up, not only until they were started
    /// (`S6_CMD_WAIT_FOR_SERVICES`).
    pub awaits_legacy: bool,
    /// How long it waits for services at most (`S6_CMD_WAIT_FOR_SERVICES_MAXTIME`); `None`: no limit. What then follows depends on
    /// `on_failure`.
    pub start_timeout: Option<Duration>,
    /// Arguments before the main command (`S6_CMD_ARG0`).
    pub main_prefix: Vec<OsString>,
    /// Disks are synchronized at the end (`S6_SYNC_DISKS`).
    pub sync_disks: bool,
    /// How long its stop may take under s6-overlay, as far as its variables say (`S6_SERVICES_GRACETIME`,
    /// `S6_KILL_GRACETIME`); 0 if neither does.
    pub stop_time: Duration,
    /// The names of files and variables that the image has and that are honoured (`check` prints them).
    pub honoured: Vec<&'static str>,
    /// The services that come after those of `/etc/services.d`: they depend on `legacy-services`.
    pub after_legacy: BTreeSet<ServiceName>,
    /// How long each script of the stop may take (`S6_KILL_FINISH_MAXTIME`); `None`: as long as the whole stop.
    pub finish_timeout: Option<Duration>,
}

/// `S6_BEHAVIOUR_IF_STAGE2_FAILS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// 0, the default: the container continues.
    #[default]
    Continue,
    /// 1: it continues, with a warning.
    Warn,
    /// 2 and more: it stops, with the exit code of what failed.
    Stop,
}

/// Where a service of such an image comes from, as far as it matters when it runs: it gets the environment of
/// [`S6Overlay::keep_env`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum S6Origin {
    /// A longrun of s6-rc, defined in this directory: its working directory is its own below `servicedirs`.
    Longrun(PathBuf),
    /// A service of `/etc/services.d`, defined in this directory: its working directory is its own below `legacy-services`.
    Legacy(PathBuf),
    /// What reads the output of such a service, defined in its directory `log`: its working directory is that one's `log`.
    LegacyLog(ServiceName),
    /// A script of `/etc/cont-init.d`.
    InitScript,
    /// A oneshot or another single script, without a directory of its own at run time.
    Script,
}

impl S6Overlay {
    /// Reads the variables. Values that s6-overlay would not understand count as unset, which a notice says.
    pub fn from_env(env: &BTreeMap<OsString, OsString>, notices: &mut Vec<String>) -> Self {
        let mut number = |name: &str| number(env, name, notices);
        let on_failure = match number("S6_BEHAVIOUR_IF_STAGE2_FAILS") {
            0 => OnFailure::Continue,
            1 => OnFailure::Warn,
            _ => OnFailure::Stop,
        };
        Self {
            version: OverlayVersion::default(),
            keep_env: number("S6_KEEP_ENV") != 0,
            on_failure,
            main_receives_signals: number("S6_CMD_RECEIVE_SIGNALS") != 0,
            awaits_legacy: number("S6_CMD_WAIT_FOR_SERVICES") > 0,
            start_timeout: milliseconds(number("S6_CMD_WAIT_FOR_SERVICES_MAXTIME")),
            sync_disks: number("S6_SYNC_DISKS") != 0,
            honoured: Vec::new(),
            after_legacy: BTreeSet::new(),
            stop_time: stop_time(env, &mut number),
            finish_timeout: milliseconds(number("S6_KILL_FINISH_MAXTIME")),
            hook: arguments(env, HOOK),
            main_prefix: arguments(env, "S6_CMD_ARG0"),
        }
    }
}

/// Returns the container's PATH: the given one; in an image made for s6-overlay with its directories, first if they are
/// missing.
pub fn container_path(given: Option<&OsStr>, s6: Option<&S6Overlay>) -> OsString {
    let given = given.unwrap_or(OsStr::new(DEFAULT_PATH));
    match s6 {
        Some(_) => with_prefix(given),
        None => given.to_owned(),
    }
}

fn with_prefix(given: &OsStr) -> OsString {
    let known: Vec<_> = directories(given).collect();
    let mut path = given.as_bytes().to_vec();
    for directory in PREFIX.iter().filter(|directory| !known.iter().any(|it| it.as_os_str() == **directory)) {
        let rest = if path.is_empty() { Vec::new() } else { [b":".as_slice(), &path].concat() };
        path = [directory.as_bytes(), &rest].concat();
    }
    OsString::from_vec(path)
}

/// Returns an integer; 0 if the variable is not set, or is none.
fn number(env: &BTreeMap<OsString, OsString>, name: &str, notices: &mut Vec<String>) -> i64 {
    let Some(value) = env.get(OsStr::new(name)) else { return 0 };
    let number = value.to_str().and_then(|text| text.parse().ok());
    if number.is_none() && !value.is_empty() {
        notices.push(format!("{name}={} is not a number: ignored, as if it were 0", shown_value(value)));
    }
    number.unwrap_or_default()
}

/// Returns how long the stop may take, if one of both parts is set.
fn stop_time(env: &BTreeMap<OsString, OsString>, mut number: impl FnMut(&str) -> i64) -> Duration {
    if !GRACE_TIMES.iter().any(|name| env.contains_key(OsStr::new(name))) {
        return Duration::ZERO;
    }
    let time = |name: &str| match env.get(OsStr::new(name)) {
        Some(_) => u64::try_from(number(name)).map_or(Duration::ZERO, Duration::from_millis),
        None => GRACE_TIME,
    };
    GRACE_TIMES.map(time).into_iter().fold(Duration::ZERO, Duration::saturating_add)
}

/// Returns a time; 0 is none, as for s6-overlay.
fn milliseconds(number: i64) -> Option<Duration> {
    u64::try_from(number).ok().filter(|number| *number > 0).map(Duration::from_millis)
}

/// Returns the arguments in a variable, split at blanks as s6-overlay does: no quotes, no shell.
fn arguments(env: &BTreeMap<OsString, OsString>, name: &str) -> Vec<OsString> {
    let value = env.get(OsStr::new(name)).map(|value| value.as_bytes()).unwrap_or_default();
    let arguments = value.split(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    arguments.filter(|word| !word.is_empty()).map(|word| OsStr::from_bytes(word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(all: &[(&str, &str)]) -> (S6Overlay, Vec<String>) {
        let env = all.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect();
        let mut notices = Vec::new();
        (S6Overlay::from_env(&env, &mut notices), notices)
    }

    #[test]
    fn variables_that_are_not_set_mean_s6_overlays_defaults() {
        assert_eq!(read(&[]), (S6Overlay::default(), Vec::new()));
    }

    #[test]
    fn behaviour_2_and_above_stops_the_container() {
        let of = |value| read(&[("S6_BEHAVIOUR_IF_STAGE2_FAILS", value)]).0.on_failure;
        assert_eq!(
            ["0", "1", "2", "3"].map(of),
            [OnFailure::Continue, OnFailure::Warn, OnFailure::Stop, OnFailure::Stop]
        );
    }

    #[test]
    fn the_wait_of_the_main_command_has_no_limit_unless_there_is_one() {
        let of = |value| read(&[("S6_CMD_WAIT_FOR_SERVICES_MAXTIME", value)]).0.start_timeout;
        assert_eq!(["0", "-1", "2500"].map(of), [None, None, Some(Duration::from_millis(2_500))]);
        let of = |value| read(&[("S6_CMD_WAIT_FOR_SERVICES", value)]).0.awaits_legacy;
        assert_eq!(["0", "1", "2"].map(of), [false, true, true]);
    }

    #[test]
    fn the_hook_is_split_at_blanks_and_not_by_a_shell() {
        let hook = read(&[("S6_STAGE2_HOOK", "  /docker-mods  'a b' ")]).0.hook;
        assert_eq!(hook, ["/docker-mods", "'a", "b'"]);
    }

    #[test]
    fn a_value_that_is_no_number_counts_as_0_and_is_reported() {
        let (read, notices) = read(&[("S6_KEEP_ENV", "yes"), ("S6_SYNC_DISKS", "")]);
        assert!(!read.keep_env && !read.sync_disks);
        assert_eq!(notices, ["S6_KEEP_ENV=yes is not a number: ignored, as if it were 0"]);
    }

    #[test]
    fn path_begins_with_the_directories_of_s6_overlay_that_it_lacks() {
        let s6 = S6Overlay::default();
        let of = |path: &str| container_path(Some(OsStr::new(path)), Some(&s6)).into_string().unwrap();
        assert_eq!(of("/usr/local/bin:/usr/bin:/bin"), "/command:/usr/local/bin:/usr/bin:/bin");
        assert_eq!(of("/app"), "/command:/usr/bin:/bin:/app");
        assert_eq!(of(""), "/command:/usr/bin:/bin");
        assert_eq!(of("/bin:/command:/usr/bin"), "/bin:/command:/usr/bin");
        assert_eq!(container_path(None, Some(&s6)).into_string().unwrap(), format!("/command:{DEFAULT_PATH}"));
        assert_eq!(container_path(Some(OsStr::new("/app")), None), "/app");
        assert_eq!(container_path(None, None), DEFAULT_PATH);
    }
}
