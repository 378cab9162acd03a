//! s6: s6-svscan as PID 1, an s6-supervise for each service.

use super::super::Outcome;
use super::super::bench::Bench;
use super::super::container::Boot;
use super::super::rootfs::Rootfs;
use super::super::workplace::Medium;
use super::{RUN, Setup};

/// Services that stay.
pub fn services(bench: &Bench, count: usize) -> Outcome<Setup> {
    let rootfs = Rootfs::new(&bench.place, Medium::Tmpfs)?;
    rootfs.take_installed(&["s6-svscan", "s6-supervise", "s6-svscanctl", "sh"])?;
    (0..count).try_for_each(|at| service(&rootfs, &format!("s{at}")))?;
    // 1,000 services are its default limit.
    Ok(Setup { rootfs, boot: Boot::new(&["/bin/s6-svscan", "-c", "20000", "/service"]) })
}

/// Adds a service that stays.
pub fn service(rootfs: &Rootfs, name: &str) -> std::io::Result<()> {
    rootfs.program(&format!("service/{name}/run"), RUN)
}
