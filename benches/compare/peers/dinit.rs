//! dinit in its container mode. Debian 12 has no package: `BENCH_DINIT` names the binary, `dinitctl` lies beside it.

use super::super::Outcome;
use super::super::bench::Bench;
use super::super::container::Boot;
use super::super::machine;
use super::super::rootfs::Rootfs;
use super::super::workplace::Medium;
use super::Setup;

/// A service that stays.
pub const SERVICE: &str = "type = process\ncommand = /stays\noptions = shares-console\n";

/// A longer one is "maximum recursion depth exceeded"; `boot` itself is one of the 32.
pub const LONGEST_CHAIN: usize = 31;
/// Where it listens to dinitctl.
pub const SOCKET: &str = "/run/dinitctl";

/// Services that stay.
pub fn services(bench: &Bench, count: usize) -> Outcome<Setup> {
    let names: Vec<_> = (0..count).map(|at| format!("s{at}")).collect();
    let waits: String = names.iter().map(|name| format!("waits-for = {name}\n")).collect();
    tree(bench, names.into_iter().map(|name| (name, SERVICE.to_owned())), &waits)
}

/// Oneshots, each of which depends on the one before.
pub fn chain(bench: &Bench, count: usize) -> Outcome<Setup> {
    let needs = |at: usize| at.checked_sub(1).map_or_else(String::new, |before| format!("depends-on = s{before}\n"));
    let text = |at| format!("type = scripted\ncommand = /payload\noptions = shares-console\n{}", needs(at));
    let last = count.saturating_sub(1);
    tree(bench, (0..count).map(|at| (format!("s{at}"), text(at))), &format!("waits-for = s{last}\n"))
}

fn tree(bench: &Bench, services: impl IntoIterator<Item = (String, String)>, boot: &str) -> Outcome<Setup> {
    let dinit = machine::dinit().ok_or("no Debian 12 package; BENCH_DINIT names no binary")?;
    let rootfs = Rootfs::new(&bench.place, Medium::Tmpfs)?;
    rootfs.take(&dinit, "dinit")?;
    rootfs.take(&dinit.with_file_name("dinitctl"), "dinitctl")?;
    services.into_iter().try_for_each(|(name, text)| rootfs.write(&format!("etc/dinit.d/{name}"), &text))?;
    rootfs.write("etc/dinit.d/boot", &format!("type = internal\n{boot}"))?;
    let argv = ["/dinit", "--container", "--quiet", "--services-dir", "/etc/dinit.d", "--socket-path", SOCKET];
    Ok(Setup { rootfs, boot: Boot::new(&argv) })
}
