//! The boot with what only root can do: accounts, groups, `/run`, ownership; first and second boot, in memory and on a disk.

use super::super::Outcome;
use super::super::bench::Bench;
use super::super::budget::Limit;
use super::super::peers::{Setup, commands, stepdown};
use super::super::race::Race;
use super::super::results::Case;
use super::super::workplace::Medium;

/// `/run`, and 100 files that are right already.
const OWN: &str = "[[own]]\npath = \"/config\"\n[[directory]]\npath = \"/run/app\"\n";
const VARIABLES: [&str; 2] = ["PUID=1234", "PGID=2345"];
const GROUPS: &str = "root:x:0:\none:x:11:app\ntwo:x:12:app\nthree:x:13:app\nfour:x:14:app\nfive:x:15:app\n";
/// The account as it should be, and as an image has it.
const RIGHT: (&str, &str) = ("root:x:0:0:root:/root:/bin/sh\napp:x:1234:2345::/config:/bin/sh\n", "app:x:2345:\n");
const OTHER: (&str, &str) = ("root:x:0:0:root:/root:/bin/sh\napp:x:999:999::/config:/bin/sh\n", "app:x:999:\n");
const FILES: usize = 100;

/// Measures.
pub fn run(bench: &Bench) -> Outcome<Vec<Case>> {
    [(Medium::Tmpfs, "tmpfs"), (Medium::Disk, "disk")]
        .map(|(medium, name)| on(bench, medium, name))
        .into_iter()
        .collect()
}

fn on(bench: &Bench, medium: Medium, name: &str) -> Outcome<Case> {
    let mut race = Race::default();
    race.one("tini, bare", commands::init(bench, "tini", &["/tini", "--"], &["/payload"]), |setup| setup.boot(1));
    for (who, account) in [("stepdown, first boot", OTHER), ("stepdown, second boot", RIGHT)] {
        for (row, bench) in bench.versions(who) {
            let setup = ours(&bench, medium, account).map(|setup| env(setup, &VARIABLES));
            race.one(&row, setup, |setup| setup.boot(1));
        }
    }
    race.one("stepdown, without PUID", ours(bench, medium, RIGHT), |setup| setup.boot(1));
    for exec_as in ["gosu", "setpriv"] {
        for (boot, account) in [("first boot", OTHER), ("second boot", RIGHT)] {
            let setup = commands::entrypoint(bench, medium, exec_as).and_then(|setup| home(setup, account));
            let who = format!("tini, usermod, chown -R, {exec_as}, {boot}");
            race.one(&who, setup.map(|setup| env(setup, &VARIABLES)), |setup| setup.boot(1));
        }
    }
    let [mut case] =
        race.run(bench.rounds(50), [Case::new(format!("PUID, groups, /run, 100 files, on {name}"), "ms")])?;
    case.missing("LinuxServer base", "its image is not in Debian's packages");
    let case = case.against("tini, bare").budget("stepdown, second boot", &Limit::Times(2.0, "tini, bare"));
    Ok(case
        .budget("stepdown, first boot", &Limit::Times(0.2, "tini, usermod, chown -R, gosu, first boot"))
        .budget("stepdown, second boot", &Limit::Times(0.2, "tini, usermod, chown -R, gosu, second boot")))
}

fn ours(bench: &Bench, medium: Medium, account: (&str, &str)) -> Outcome<Setup> {
    let Setup { boot, .. } = stepdown::command(bench, &["/payload"])?;
    let rootfs = stepdown::rootfs(bench, medium)?;
    rootfs.write("etc/stepdown.toml", OWN)?;
    home(Setup { rootfs, boot }, account)
}

/// Accounts are written anew for each boot: a first boot stays one.
fn home(setup: Setup, (passwd, group): (&str, &str)) -> Outcome<Setup> {
    setup.rootfs.files("config", FILES, (1234, 2345))?;
    let accounts = [("etc/passwd", passwd.to_owned()), ("etc/group", format!("{GROUPS}{group}"))];
    Ok(Setup { boot: setup.boot.with(accounts), ..setup })
}

fn env(setup: Setup, variables: &[&str]) -> Setup {
    Setup { boot: setup.boot.env(variables), ..setup }
}
