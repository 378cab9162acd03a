//! runit: runsvdir as PID 1, a runsv for each service.

use super::super::Outcome;
use super::super::bench::Bench;
use super::super::container::Boot;
use super::super::rootfs::Rootfs;
use super::super::workplace::Medium;
use super::{RUN, Setup};

/// Services that stay.
pub fn services(bench: &Bench, count: usize) -> Outcome<Setup> {
    let rootfs = Rootfs::new(&bench.place, Medium::Tmpfs)?;
    rootfs.take_installed(&["runsvdir", "runsv", "sh"])?;
    (0..count).try_for_each(|at| rootfs.program(&format!("service/s{at}/run"), RUN))?;
    Ok(Setup { rootfs, boot: Boot::new(&["/bin/runsvdir", "/service"]) })
}
