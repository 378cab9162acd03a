//! stepdown itself, in its modes.

use super::super::Outcome;
use super::super::bench::Bench;
use super::super::container::Boot;
use super::super::rootfs::Rootfs;
use super::super::workplace::Medium;
use super::{RUN, Setup};

/// A service that stays.
pub const SERVICE: &str = "command = [\"/stays\"]\n";
/// As PID 1, with the services of its tree.
pub const INIT: [&str; 2] = ["/stepdown", "init"];

/// A root with the binary in it.
pub fn rootfs(bench: &Bench, medium: Medium) -> Outcome<Rootfs> {
    let rootfs = Rootfs::new(&bench.place, medium)?;
    rootfs.take(&bench.stepdown, "stepdown")?;
    Ok(rootfs)
}

/// A bare command.
pub fn command(bench: &Bench, command: &[&str]) -> Outcome<Setup> {
    let argv = [&INIT[..], &["--"], command].concat();
    Ok(Setup { rootfs: rootfs(bench, Medium::Tmpfs)?, boot: Boot::new(&argv) })
}

/// Services as files, without a pipe for their output, as none of the others has one.
pub fn services(bench: &Bench, count: usize) -> Outcome<Setup> {
    tree(bench, (0..count).map(|at| (format!("s{at}"), SERVICE.to_owned())))
}

/// Oneshots, each of which requires the one before.
pub fn chain(bench: &Bench, count: usize) -> Outcome<Setup> {
    let requires =
        |at: usize| at.checked_sub(1).map_or_else(String::new, |before| format!("requires = [\"s{before}\"]\n"));
    tree(
        bench,
        (0..count)
            .map(|at| (format!("s{at}"), format!("type = \"oneshot\"\ncommand = [\"/payload\"]\n{}", requires(at)))),
    )
}

/// Any services.
pub fn tree(bench: &Bench, services: impl IntoIterator<Item = (String, String)>) -> Outcome<Setup> {
    let rootfs = rootfs(bench, Medium::Tmpfs)?;
    services.into_iter().try_for_each(|(name, text)| rootfs.write(&format!("etc/services.d/{name}.toml"), &text))?;
    Ok(Setup { rootfs, boot: Boot::new(&INIT).env(&["STEPDOWN_LOG_FORMAT=inherit"]) })
}

/// Services as s6 has them.
pub fn s6_directories(bench: &Bench, count: usize) -> Outcome<Setup> {
    let rootfs = rootfs(bench, Medium::Tmpfs)?;
    rootfs.take_installed(&["sh"])?;
    (0..count).try_for_each(|at| rootfs.program(&format!("etc/services.d/s{at}/run"), RUN))?;
    Ok(Setup { rootfs, boot: Boot::new(&INIT).env(&["STEPDOWN_LOG_FORMAT=inherit"]) })
}
