//! Inits for a single command, the least that a PID 1 can be, and the shell entrypoint that images have.

use super::super::Outcome;
use super::super::bench::Bench;
use super::super::container::Boot;
use super::super::rootfs::Rootfs;
use super::super::workplace::Medium;
use super::Setup;

/// Rows, and what is executed before the command.
pub const INITS: [(&str, &[&str]); 4] = [
    ("C loop", &["/floor"]),
    ("tini", &["/tini", "--"]),
    ("dumb-init", &["/dumb-init"]),
    ("catatonit", &["/catatonit", "--"]),
];

/// What images do that have no init for it; what usermod prints must not be among the times.
const ENTRYPOINT: &str = "#!/bin/sh\nset -e\nexec 3>&1 >&2\ngroupmod -o -g \"$PGID\" app\nusermod -o -u \"$PUID\" app\n\
    chown -R app:app /config\nexec >&3 3>&- ";

/// One of [`INITS`], with this command.
pub fn init(bench: &Bench, name: &str, argv: &[&str], command: &[&str]) -> Outcome<Setup> {
    let rootfs = Rootfs::new(&bench.place, Medium::Tmpfs)?;
    if name != "C loop" {
        rootfs.take_installed(&[name])?;
    }
    Ok(Setup { rootfs, boot: Boot::new(&[argv, command].concat()) })
}

/// groupmod, usermod and chown -R, then the program by gosu or setpriv, below tini as images have it.
pub fn entrypoint(bench: &Bench, medium: Medium, exec_as: &str) -> Outcome<Setup> {
    let rootfs = Rootfs::new(&bench.place, medium)?;
    rootfs.take_installed(&["tini", "sh", "groupmod", "usermod", "chown", exec_as])?;
    let exec = match exec_as {
        "setpriv" => "setpriv --reuid app --regid app --init-groups /payload\n",
        _ => "gosu app /payload\n",
    };
    rootfs.program("entrypoint", &format!("{ENTRYPOINT}{exec}"))?;
    Ok(Setup { rootfs, boot: Boot::new(&["/tini", "--", "/entrypoint"]) })
}
