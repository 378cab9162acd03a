//! supervisord, with a copy of Python's library in the root.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::Outcome;
use super::super::bench::Bench;
use super::super::container::Boot;
use super::super::rootfs::Rootfs;
use super::super::workplace::Medium;
use super::Setup;

const HEAD: &str = "[supervisord]\nnodaemon=true\nsilent=true\nuser=root\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile=/run/supervisord.pid\n";

/// Services that stay; their output passes through it, as it can do nothing else.
pub fn services(bench: &Bench, count: usize) -> Outcome<Setup> {
    let rootfs = Rootfs::new(&bench.place, Medium::Tmpfs)?;
    rootfs.take_installed(&["supervisord", "python3"])?;
    let library = library().ok_or("there is no /usr/lib/python3.*")?;
    for tree in [&library, Path::new("/usr/lib/python3/dist-packages")] {
        rootfs.copy_tree(tree)?;
    }
    for object in fs::read_dir(library.join("lib-dynload"))? {
        rootfs.take_libraries(&object?.path())?;
    }
    let program = |at| {
        format!("[program:s{at}]\ncommand=/stays\nstdout_logfile=/dev/stdout\nstdout_logfile_maxbytes=0\nstartsecs=0\n")
    };
    let programs: String = (0..count).map(program).collect();
    rootfs.write("etc/supervisord.conf", &format!("{HEAD}{programs}"))?;
    std::os::unix::fs::symlink("/proc/self/fd/1", rootfs.path("dev/stdout"))?;
    let argv = ["/bin/python3", "/bin/supervisord", "-c", "/etc/supervisord.conf"];
    Ok(Setup { rootfs, boot: Boot::new(&argv) })
}

fn library() -> Option<PathBuf> {
    let entries = fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok).map(|entry| entry.path());
    entries.filter(|path| path.join("lib-dynload").exists()).max()
}
