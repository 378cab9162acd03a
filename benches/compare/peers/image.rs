//! An image made for s6-overlay, as LinuxServer's are: oneshots that wait for each other, each a script for bash that
//! `with-contenv` interprets, and two services. Under stepdown, under s6-overlay itself, and its scripts alone.
#![allow(clippy::disallowed_methods)] // measures, and runs others to compare with

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::Path;
use std::process::Command;

use nix::libc;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::super::Outcome;
use super::super::bench::Bench;
use super::super::container::Boot;
use super::super::machine;
use super::super::rootfs::Rootfs;
use super::super::workplace::{Medium, succeed};
use super::Setup;

/// Oneshots, each of which depends on the one before.
const ONESHOTS: [&str; 13] = [
    "init-migrations",
    "init-adduser",
    "init-device-perms",
    "init-os-end",
    "init-config",
    "init-app-config",
    "init-crontab-config",
    "init-config-end",
    "init-mods",
    "init-mods-package-install",
    "init-mods-end",
    "init-custom-files",
    "init-services",
];
/// What all of them wait for, and what waits for all of them.
const SERVICES: [&str; 2] = ["svc-app", "svc-cron"];
const DEFINITIONS: &str = "etc/s6-overlay/s6-rc.d";
/// The scripts use what bash has itself: what a program of theirs takes is the same under every init.
const ONESHOT: &str = "#!/usr/bin/with-contenv bash\n# shellcheck shell=bash\n\nif [[ -n ${LSIO_NON_ROOT_USER} ]]; then\n    \
                       echo \"not root\"\nfi\n";
const SERVICE: &str = "#!/usr/bin/with-contenv bash\n# shellcheck shell=bash\n\nexec /stays >/times\n";
/// Where the services write the time: standard output is the log, whose lines are tagged.
const TIMES: &str = "times";
/// As the images set them.
const VARIABLES: [&str; 7] = [
    "HOME=/root",
    "LANG=C.UTF-8",
    "LANGUAGE=C.UTF-8",
    "TERM=xterm",
    "S6_CMD_WAIT_FOR_SERVICES_MAXTIME=0",
    "S6_VERBOSITY=1",
    "S6_BEHAVIOUR_IF_STAGE2_FAILS=2",
];

/// The image, ready to be started.
pub struct Image {
    // Dropped before the root that it lies in.
    times: File,
    setup: Setup,
}

impl Image {
    /// Boots as a new container does, with an empty `/run`, until both services have run their first instruction; returns the
    /// milliseconds from PID 1's exec.
    pub fn boot(&mut self) -> Outcome<f64> {
        let run = self.setup.rootfs.path("run");
        fs::remove_dir_all(&run)?;
        fs::create_dir(&run)?;
        let mut container = self.setup.start()?;
        Ok(container.last_in(&mut self.times, SERVICES.len())?.as_secs_f64() * 1e3)
    }
}

/// With `/init` and the commands as `stepdown install-links` makes them.
pub fn stepdown(bench: &Bench) -> Outcome<Image> {
    image(bench, &["/init"], |rootfs| {
        rootfs.take(&bench.stepdown, "usr/bin/stepdown")?;
        succeed(Command::new(&bench.stepdown).args(["install-links", "--prefix"]).arg(rootfs.root()))
    })
}

/// With s6-overlay from the directory that `BENCH_S6_OVERLAY` names.
pub fn s6_overlay(bench: &Bench) -> Outcome<Image> {
    let unpacked = machine::s6_overlay().ok_or(
        "BENCH_S6_OVERLAY names no directory; unpack s6-overlay-noarch.tar.xz, -x86_64.tar.xz and the two symlinks tarballs \
         of github.com/just-containers/s6-overlay/releases in one",
    )?;
    image(bench, &["/init"], |rootfs| {
        succeed(Command::new("mknod").args(["-m", "666"]).arg(rootfs.path("dev/urandom")).args(["c", "1", "9"]))?;
        succeed(Command::new("cp").arg("-a").arg(unpacked.join(".")).arg(rootfs.root()))?;
        // Whoever has left out the tarballs of links.
        for name in ["with-contenv", "execlineb"] {
            let link = rootfs.path("usr/bin").join(name);
            if link.symlink_metadata().is_err() {
                symlink(Path::new("../../command").join(name), link)?;
            }
        }
        Ok(())
    })
}

/// The scripts alone, one after the other, by a shell: no init can need less.
pub fn scripts_alone(bench: &Bench) -> Outcome<Image> {
    image(bench, &["/bin/sh", "/scripts"], |rootfs| {
        let run =
            |names: &[&str], how| names.iter().map(|name| format!("bash /{DEFINITIONS}/{name}/run{how}\n")).collect();
        let (oneshots, services): (String, String) = (run(&ONESHOTS, ""), run(&SERVICES, " &"));
        Ok(rootfs.write("scripts", &format!("{oneshots}{services}wait\n"))?)
    })
}

fn image(bench: &Bench, argv: &[&str], add_init: impl FnOnce(&Rootfs) -> Outcome<()>) -> Outcome<Image> {
    let rootfs = Rootfs::new(&bench.place, Medium::Tmpfs)?;
    rootfs.take_installed(&["bash", "sh", "env"])?;
    rootfs.write("etc/passwd", "root:x:0:0:root:/root:/bin/bash\nabc:x:911:911::/config:/bin/false\n")?;
    rootfs.write("etc/group", "root:x:0:\nabc:x:911:\n")?;
    fs::create_dir_all(rootfs.path("var"))?;
    symlink("/run", rootfs.path("var/run"))?;
    let mut before = None;
    for name in ONESHOTS {
        definition(&rootfs, name, "oneshot", before, ONESHOT)?;
        rootfs.write(&format!("{DEFINITIONS}/{name}/up"), &format!("/{DEFINITIONS}/{name}/run\n"))?;
        before = Some(name);
    }
    SERVICES.iter().try_for_each(|name| definition(&rootfs, name, "longrun", before, SERVICE))?;
    rootfs.write(&format!("{DEFINITIONS}/user/type"), "bundle\n")?;
    add_init(&rootfs)?;
    let fifo = rootfs.path(TIMES);
    mkfifo(&fifo, Mode::from_bits_truncate(0o622))?;
    // Open for both: no service waits for a reader, and no reader finds an end.
    let times = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(fifo)?;
    Ok(Image { times, setup: Setup { rootfs, boot: Boot::new(argv).env(&VARIABLES) } })
}

fn definition(rootfs: &Rootfs, name: &str, kind: &str, after: Option<&str>, run: &str) -> std::io::Result<()> {
    let directory = format!("{DEFINITIONS}/{name}");
    rootfs.write(&format!("{directory}/type"), &format!("{kind}\n"))?;
    rootfs.write(&format!("{directory}/dependencies.d/{}", after.unwrap_or("base")), "")?;
    rootfs.program(&format!("{directory}/run"), run)?;
    rootfs.write(&format!("{DEFINITIONS}/user/contents.d/{name}"), "")
}
