//! Every service that a file can describe is read back from the text that is written for it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use stepdown::config::calendar::Calendar;
use stepdown::config::probe::{HTTP_SUCCESS, Health, HostPort, Http, Probe, UnhealthyAction};
use stepdown::config::restart::{
    RESTART_DELAY, RESTART_LIMIT, RESTART_MAX_DELAY, Restart, RestartPause, RestartPolicy,
};
use stepdown::config::service::{
    Command, FINISH_TIMEOUT, Finish, GroupRef, Kind, Limit, Log, LogDirectory, Ready, Reload, Resource, RunAs, Service,
    Stop, WithoutRoot,
};
use stepdown::config::values::{CapSet, Capability, Gid, GroupName, LogFormat, ServiceName, Signal, Uid, UserName};
use stepdown::import::{Imported, ImportedService, service_text};

use super::is_read_back;

/// The other services of the tree.
const OTHERS: [&str; 3] = ["a", "b", "c"];

fn name(text: &str) -> ServiceName {
    ServiceName::new(text).unwrap()
}

fn others() -> impl Strategy<Value = Vec<ServiceName>> {
    subsequence(OTHERS.to_vec(), 0..=3).prop_map(|names| names.into_iter().map(name).collect())
}

/// Any text that a file can hold.
fn text() -> impl Strategy<Value = String> {
    let odd =
        select(vec!["'''", "\"\"\"", "\\", "\r\n", "\u{202e}", "🦀", "\n", "'", "\t", "$X"]).prop_map(str::to_owned);
    vec(prop_oneof![any::<String>(), odd, "[a-z ]{0,12}"], 0..5).prop_map(|parts| parts.concat().replace('\0', ""))
}

fn words() -> impl Strategy<Value = Vec<OsString>> {
    ("/?[a-zé]{1,8}", vec(text(), 0..4))
        .prop_map(|(program, rest)| [program].into_iter().chain(rest).map(OsString::from).collect())
}

fn script() -> impl Strategy<Value = String> {
    // A line that ends with a carriage return is refused in scripts.
    text().prop_map(|text| format!("exec x\n{}", text.replace('\r', "")))
}

fn path() -> impl Strategy<Value = PathBuf> {
    vec("[a-zé'\"][a-z .'_-]{0,6}", 1..4).prop_map(|parts| PathBuf::from(format!("/srv/{}", parts.join("/"))))
}

fn time(least: u64, most: u64) -> impl Strategy<Value = Duration> {
    let units = select(vec![1_u64, 1000, 60_000, 3_600_000, 86_400_000]);
    (units, 0..400_u64).prop_map(move |(unit, number)| Duration::from_millis((unit * number).clamp(least, most)))
}

/// The longest duration of a file.
const YEAR: u64 = 365 * 86_400_000;

fn host_port() -> impl Strategy<Value = HostPort> {
    let host = prop_oneof!["[a-z]{1,6}", Just("::1".to_owned()), Just("127.0.0.1".to_owned())];
    (host, 1..=u16::MAX).prop_map(|(host, port)| HostPort { host, port })
}

fn plain_http() -> impl Strategy<Value = Http> {
    (host_port(), "/[a-z?=&%]{0,8}").prop_map(|(to, target)| Http { to, socket: None, target, status: HTTP_SUCCESS })
}

fn probe() -> impl Strategy<Value = Probe> {
    let status = (200..600_u16, 200..600_u16).prop_map(|(left, right)| left.min(right)..=left.max(right));
    let http = (plain_http(), option::of(path()), prop_oneof![Just(HTTP_SUCCESS), status]);
    prop_oneof![
        host_port().prop_map(Probe::Tcp),
        http.prop_map(|(http, socket, status)| Probe::Http(Http { socket, status, ..http })),
        path().prop_map(Probe::Path),
        path().prop_map(Probe::Socket),
        words().prop_map(Probe::Command),
    ]
}

fn wait_target() -> impl Strategy<Value = Probe> {
    prop_oneof![
        host_port().prop_map(Probe::Tcp),
        plain_http().prop_map(Probe::Http),
        path().prop_map(Probe::Path),
        path().prop_map(Probe::Socket)
    ]
}

fn ready() -> impl Strategy<Value = Ready> {
    let limit = || option::of(time(10, YEAR));
    prop_oneof![
        Just(Ready::Executed),
        (3..=1023, limit()).prop_map(|(fd, timeout)| Ready::Fd { fd, timeout }),
        (limit(), limit()).prop_map(|(timeout, watchdog)| Ready::Notify { timeout, watchdog }),
        (probe(), time(10, YEAR), limit()).prop_map(|(probe, interval, timeout)| Ready::Probe {
            probe: Box::new(probe),
            interval,
            timeout
        }),
        time(10, YEAR).prop_map(Ready::Delay),
    ]
}

fn health() -> impl Strategy<Value = Health> {
    let then = select(vec![UnhealthyAction::Restart, UnhealthyAction::StopContainer, UnhealthyAction::Report]);
    let counts = (prop_oneof![Just(3), 1..=u32::MAX], prop_oneof![Just(1), 1..=u32::MAX]);
    (probe(), time(10, YEAR), time(10, YEAR), counts, then).prop_map(
        |(probe, interval, timeout, (failures, successes), then)| Health {
            probe,
            interval,
            timeout,
            failures,
            successes,
            then,
        },
    )
}

fn restart() -> impl Strategy<Value = Restart> {
    let policy = select(vec![RestartPolicy::Always, RestartPolicy::OnFailure, RestartPolicy::Never]);
    let delay = || prop_oneof![Just(RESTART_DELAY), Just(RESTART_MAX_DELAY), time(100, YEAR)];
    let limit = prop_oneof![Just(Some(RESTART_LIMIT)), Just(None), (1..=u32::MAX).prop_map(Some)];
    (policy, delay(), delay(), limit).prop_map(|(policy, left, right, limit)| Restart {
        policy,
        pause: RestartPause::Backoff { delay: left.min(right), max_delay: left.max(right) },
        limit,
    })
}

fn signal() -> impl Strategy<Value = Signal> {
    (1..=Signal::MAX).prop_filter_map("a signal", Signal::from_number)
}

fn limits() -> impl Strategy<Value = Vec<Limit>> {
    let side = || prop_oneof![Just(None), (0..=i64::MAX).prop_map(|number| u64::try_from(number).ok())];
    let resources = select(vec![Resource::As, Resource::Core, Resource::Nofile, Resource::Nproc, Resource::Stack]);
    btree_map(resources, (side(), side()), 0..4).prop_map(|all| {
        let limit = |(resource, (left, right)): (Resource, (Option<u64>, Option<u64>))| {
            let endless = resource != Resource::Nofile;
            let value = |side: Option<u64>| side.or_else(|| (!endless).then_some(7));
            let (left, right) = (value(left), value(right));
            let (soft, hard) =
                if left.unwrap_or(u64::MAX) <= right.unwrap_or(u64::MAX) { (left, right) } else { (right, left) };
            Limit { resource, soft, hard }
        };
        all.into_iter().map(limit).collect()
    })
}

fn log() -> impl Strategy<Value = Log> {
    let format = option::of(select(vec![LogFormat::Inherit, LogFormat::Tagged, LogFormat::Json]));
    let size = prop_oneof![4096..=u64::MAX / 2, Just(10 << 20), Just(1 << 30), Just(5000)];
    let directory =
        (path(), size, prop_oneof![Just(10), 0..=10_000_u32], option::of(time(60_000, YEAR)), any::<bool>());
    let directory = directory.prop_map(|(path, max_size, keep, max_age, compress)| LogDirectory {
        path,
        max_size,
        keep,
        max_age,
        compress,
    });
    (format, option::of(directory.prop_map(Box::new))).prop_map(|(format, directory)| Log { format, directory })
}

fn user() -> impl Strategy<Value = RunAs> {
    prop_oneof![
        Just(RunAs::App),
        Just(RunAs::Root),
        "[b-q][a-z0-9_.-]{0,8}".prop_filter_map("a name", |text| UserName::new(&text)).prop_map(RunAs::Account),
        (1..=4_294_967_293_u32, 0..=4_294_967_293_u32).prop_map(|(uid, gid)| RunAs::Ids(Uid(uid), Gid(gid))),
    ]
}

fn groups() -> impl Strategy<Value = Option<Vec<GroupRef>>> {
    let group = prop_oneof![
        "[a-z][a-z0-9]{0,8}".prop_filter_map("a name", |text| GroupName::new(&text)).prop_map(GroupRef::Name),
        (0..=4_294_967_293_u32).prop_map(|gid| GroupRef::Id(Gid(gid))),
    ];
    option::of(vec(group, 0..3))
}

fn capabilities() -> impl Strategy<Value = CapSet> {
    subsequence(Capability::NAMES.to_vec(), 0..=4)
        .prop_map(|names| names.into_iter().filter_map(Capability::parse).collect())
}

fn environment() -> impl Strategy<Value = std::collections::BTreeMap<String, String>> {
    btree_map("[A-Z_é\"'#.-]{1,12}", text(), 0..4)
}

/// What both kinds have.
fn common() -> impl Strategy<Value = Service> {
    let command = prop_oneof![words().prop_map(Command::Argv), script().prop_map(Command::Script)];
    let who = (user(), groups(), capabilities(), select(vec![WithoutRoot::Run, WithoutRoot::Skip, WithoutRoot::Fail]));
    let secrets = option::of(btree_set("S_[A-Z]{1,6}", 0..3));
    let around =
        (option::of(path()), environment(), any::<bool>(), option::of(path()), option::of(0..=0o777_u32), secrets);
    let order = (others(), others(), vec(wait_target(), 0..3));
    let numbers = (option::of(-20..=19), option::of(-1000..=1000), limits(), btree_set(any::<u8>(), 1..4));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let stop = (signal(), option::of(time(0, 8000)), any::<bool>());
    (command, who, around, order, numbers, flags, stop, log()).prop_map(
        |(command, who, around, order, numbers, flags, stop, log)| Service {
            user: who.0,
            groups: who.1,
            capabilities: who.2,
            without_root: who.3,
            directory: around.0,
            environment: around.1,
            clear_environment: around.2,
            environment_file: around.3,
            umask: around.4,
            secrets: around.5.map(|names| names.into_iter().collect()),
            requires: order.0,
            after: order.1,
            wait_for: order.2,
            nice: numbers.0,
            oom_score_adj: numbers.1,
            limits: numbers.2,
            success_codes: numbers.3.into_iter().collect::<Vec<_>>().into(),
            essential: flags.0,
            no_new_privileges: flags.1,
            enabled: flags.2,
            stop: Stop { signal: stop.0, timeout: stop.1, group: stop.2 },
            log,
            ..Service::plain(name("web"), command)
        },
    )
}

fn longrun() -> impl Strategy<Value = Service> {
    let reload = prop_oneof![signal().prop_map(Reload::Signal), words().prop_map(Reload::Command)];
    let finish = words().prop_map(|words| Finish { command: Command::Argv(words), timeout: Some(FINISH_TIMEOUT) });
    let pipe = option::of(select(OTHERS.to_vec()).prop_map(name));
    (common(), ready(), option::of(health()), restart(), option::of(reload), option::of(finish), pipe).prop_map(
        |(service, ready, health, restart, reload, finish, pipe_to)| Service {
            ready,
            health: health.map(Box::new),
            restart,
            reload: reload.map(Box::new),
            finish: finish.map(Box::new),
            pipe_to,
            ..service
        },
    )
}

fn oneshot() -> impl Strategy<Value = Service> {
    let times = select(vec!["03:00", "Mon..Fri 03:00", "*:0/15", "daily"]);
    let calendar = option::of(times.prop_filter_map("a time", |text| Calendar::parse(text).ok()));
    (common(), option::of(time(1000, YEAR)), calendar, option::of(words())).prop_map(
        |(service, every, calendar, undo)| Service {
            kind: Kind::Oneshot,
            every: every.filter(|_| calendar.is_none()),
            stop_command: undo.filter(|_| calendar.is_none()).map(|argv| Box::new(Command::Argv(argv))),
            calendar: calendar.map(Box::new),
            ..service
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn a_service_is_read_back_from_its_text(service in prop_oneof![2 => longrun(), 1 => oneshot()]) {
        let mut imported = Imported::default();
        let others = OTHERS.map(|right| Service::plain(name(right), Command::Argv(vec!["true".into()])));
        imported.services = [service].into_iter().chain(others).map(ImportedService::new).collect();
        let omissions = imported.all_omissions().count();
        prop_assert_eq!(omissions, 0);
        is_read_back(&imported);
    }
}

#[test]
fn only_what_differs_from_the_defaults_is_written_in_the_order_of_the_manual() {
    let plain = Service {
        restart: Restart::standard(RestartPolicy::Always),
        ..Service::plain(name("web"), Command::Argv(vec!["nginx".into()]))
    };
    assert_eq!(service_text(&plain), "command = [\"nginx\"]\n");
    let pause = RestartPause::Backoff { delay: RESTART_DELAY, max_delay: RESTART_DELAY };
    let more = Service {
        requires: vec![name("db")],
        user: RunAs::Root,
        environment: [("MODE".to_owned(), "prod".to_owned())].into(),
        restart: Restart { limit: None, pause, policy: RestartPolicy::Always },
        ready: Ready::Fd { fd: 3, timeout: None },
        stop: Stop { signal: Signal::QUIT, timeout: Some(Duration::from_secs(5)), group: true },
        enabled: false,
        ..plain
    };
    let text = "command = [\"nginx\"]\nrequires = [\"db\"]\nuser = \"root\"\nenvironment = { MODE = \"prod\" }\n\
                restart = { max_delay = \"1s\", limit = \"infinity\" }\nready = { fd = 3 }\n\
                stop = { signal = \"QUIT\", timeout = \"5s\", group = true }\nenabled = false\n";
    assert_eq!(service_text(&more), text);
}
