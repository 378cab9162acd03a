//! Who boots, where, and with what: stepdown in its modes, and what people use instead.
#![allow(clippy::disallowed_methods)] // measures, and runs others to compare with

use std::error::Error;
use std::path::PathBuf;

use super::room::{self, Boot, Room};

/// One PID 1 under test.
pub struct Candidate {
    /// Its row.
    pub name: String,
    /// Where it boots.
    pub room: Room,
    /// How.
    pub boot: Boot,
}

/// What stays, as a service.
const SERVICE: &str = "command = [\"/stays\"]\n";
/// PUID and PGID, groups, `/run`, and 100 files that are right already.
const HOME: &str = "[[own]]\npath = \"/config\"\n[[directory]]\npath = \"/run/app\"\n";
const APP: [&str; 2] = ["PUID=1234", "PGID=2345"];
const GROUPS: &str = "root:x:0:\none:x:11:app\ntwo:x:12:app\nthree:x:13:app\nfour:x:14:app\nfive:x:15:app\n";
const RIGHT: (&str, &str) = ("root:x:0:0:root:/root:/bin/sh\napp:x:1234:2345::/config:/bin/sh\n", "app:x:2345:\n");
const OTHER: (&str, &str) = ("root:x:0:0:root:/root:/bin/sh\napp:x:999:999::/config:/bin/sh\n", "app:x:999:\n");
/// What images do that have no init for it.
const ENTRYPOINT: &str = "#!/bin/sh\nset -e\ngroupmod -o -g \"$PGID\" app\nusermod -o -u \"$PUID\" app\n\
    chown -R app:app /config\nexec setpriv --reuid app --regid app --init-groups /payload\n";

/// Lists all; who is not installed is left out, and named.
pub fn all() -> Result<Vec<Candidate>, Box<dyn Error>> {
    let mut all = peers()?;
    let (binary, linkage) = room::stepdown();
    if linkage == room::Linkage::Dynamic {
        println!("note: {} is linked dynamically; images get the static build (.ci/static)", binary.display());
    }
    let stepdown = || -> Result<Room, Box<dyn Error>> {
        let room = Room::new()?;
        room.take(&binary, "stepdown")?;
        Ok(room)
    };
    let mut add = |name: &str, room: Room, boot: Boot| all.push(Candidate { name: name.to_owned(), room, boot });
    let init = ["/stepdown", "init"];
    let command = ["/stepdown", "init", "--", "/payload"];
    add("stepdown, main command", stepdown()?, Boot::new(&command));
    add("stepdown, main command, --user", stepdown()?, Boot::new(&command).user("1234"));
    for count in [1, 10, 100, 1000] {
        let room = stepdown()?;
        (0..count).try_for_each(|at| room.write(&format!("etc/services.d/s{at}.toml"), SERVICE))?;
        add(
            &format!("stepdown, {count} services"),
            room,
            Boot::new(&init).env(&["STEPDOWN_LOG_FORMAT=inherit"]).of(count),
        );
    }
    let room = stepdown()?;
    for at in 0..100_usize {
        let requires = at.checked_sub(1).map_or_else(String::new, |before| format!("requires = [\"s{before}\"]\n"));
        room.write(
            &format!("etc/services.d/s{at}.toml"),
            &format!("type = \"oneshot\"\ncommand = [\"/payload\"]\n{requires}"),
        )?;
    }
    add("stepdown, chain of 100 oneshots", room, Boot::new(&init).env(&["STEPDOWN_LOG_FORMAT=inherit"]).of(100));
    for (name, (passwd, group)) in [("first boot", OTHER), ("second boot", RIGHT)] {
        let room = stepdown()?;
        room.write("etc/stepdown.toml", HOME)?;
        room.files("config", 100, (1234, 2345))?;
        let accounts = [("etc/passwd", passwd.to_owned()), ("etc/group", format!("{GROUPS}{group}"))];
        let boot = Boot::new(&command).env(&APP).with(accounts);
        add(&format!("stepdown, PUID, groups, /run, files, {name}"), room, boot);
    }
    if let Some(room) = entrypoint()? {
        let accounts = [("etc/passwd", OTHER.0.to_owned()), ("etc/group", format!("{GROUPS}{}", OTHER.1))];
        add("shell, groupmod, usermod, chown, setpriv", room, Boot::new(&["/entrypoint"]).env(&APP).with(accounts));
    }
    Ok(all)
}

fn peers() -> Result<Vec<Candidate>, Box<dyn Error>> {
    let floor =
        Candidate { name: "floor: static C".to_owned(), room: Room::new()?, boot: Boot::new(&["/floor", "/payload"]) };
    let mut all = vec![floor];
    for (name, words) in [
        ("tini", &["/tini", "--", "/payload"][..]),
        ("dumb-init", &["/dumb-init", "/payload"]),
        ("catatonit", &["/catatonit", "--", "/payload"]),
    ] {
        if let Some(room) = with(&[name])? {
            all.push(Candidate { name: name.to_owned(), room, boot: Boot::new(words) });
        }
    }
    for count in [1, 100] {
        let run = |room: &Room, place: &str| {
            (0..count).try_for_each(|at| room.program(&format!("{place}/s{at}/run"), "#!/bin/sh\nexec /stays\n"))
        };
        if let Some(room) = with(&["s6-svscan", "s6-supervise", "sh"])? {
            run(&room, "service")?;
            let boot = Boot::new(&["/bin/s6-svscan", "/service"]).of(count);
            all.push(Candidate { name: format!("s6-svscan, {count} services"), room, boot });
        }
        if let Some(room) = with(&["runsvdir", "runsv", "sh"])? {
            run(&room, "service")?;
            let boot = Boot::new(&["/bin/runsvdir", "/service"]).of(count);
            all.push(Candidate { name: format!("runit, {count} services"), room, boot });
        }
    }
    if let Some(dinit) = std::env::var_os("BENCH_DINIT").map(PathBuf::from) {
        for count in [1, 100, 1000] {
            let room = Room::new()?;
            room.take(&dinit, "dinit")?;
            let names: Vec<_> = (0..count).map(|at| format!("s{at}")).collect();
            for name in &names {
                let text = "type = process\ncommand = /stays\noptions = shares-console\n";
                room.write(&format!("etc/dinit.d/{name}"), text)?;
            }
            let needs: String = names.iter().map(|name| format!("waits-for = {name}\n")).collect();
            room.write("etc/dinit.d/boot", &format!("type = internal\n{needs}"))?;
            let boot = Boot::new(&["/dinit", "--container", "--quiet", "--services-dir", "/etc/dinit.d"]).of(count);
            all.push(Candidate { name: format!("dinit, {count} services"), room, boot });
        }
    }
    Ok(all)
}

/// A room with these programs, in `/`, in `/bin` and where they are installed, by which they may call each other; `None`, and said, where one is not installed.
fn with(names: &[&str]) -> Result<Option<Room>, Box<dyn Error>> {
    let room = Room::new()?;
    for name in names {
        let Some(path) = room::installed(name) else {
            println!("SKIPPED ({name} is not installed)");
            return Ok(None);
        };
        room.take(&path, name)?;
        room.take(&path, &format!("bin/{name}"))?;
        room.take(&path, &path.strip_prefix("/")?.to_string_lossy())?;
    }
    Ok(Some(room))
}

fn entrypoint() -> Result<Option<Room>, Box<dyn Error>> {
    let Some(room) = with(&["sh", "groupmod", "usermod", "chown", "setpriv"])? else { return Ok(None) };
    room.program("entrypoint", ENTRYPOINT)?;
    room.files("config", 100, (1234, 2345))?;
    Ok(Some(room))
}
