//! A root filesystem for engines other than Docker: the binary, the recorder, a shell (`CMD-SHELL` probes want one) with the libraries of both, account
//! files, one service and a container file that declares `/config`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::docker::{binary, recorder};

/// Makes it below `root`.
pub fn make(root: &Path) {
    let put = |from: &Path, path: &str| {
        let path = root.join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().expect("it lies below the root")).expect("it can be created");
        fs::copy(from, &path).unwrap_or_else(|cause| panic!("{}: {cause}", from.display()));
    };
    put(&binary(), "/usr/bin/stepdown");
    put(&recorder(), "/usr/bin/recorder");
    put(Path::new("/bin/sh"), "/bin/sh");
    let libraries = Command::new("ldd").arg("/bin/sh").arg(recorder()).output().expect("ldd(1) is in every Debian");
    let listed = |word: &&str| word.starts_with('/') && !word.ends_with(':');
    for word in String::from_utf8_lossy(&libraries.stdout).split_whitespace().filter(listed) {
        put(Path::new(word), word);
    }
    for (name, text) in [
        ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"),
        ("etc/group", "root:x:0:\nvideo:x:44:\n"),
        ("etc/stepdown.toml", "[app]\nhome = \"/config\"\n[[own]]\npath = \"/config\"\ncreate = true\n"),
        ("etc/services.d/web.toml", "command = [\"recorder\", \"--stay\"]\nready = { path = \"/gate\" }\n"),
        ("gate", ""),
    ] {
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("it lies below the root")).expect("it can be created");
        fs::write(path, text).expect("it can be written");
    }
    for (directory, mode) in
        [("", 0o755), ("run", 0o755), ("tmp", 0o1777), ("config", 0o755), ("proc", 0o555), ("dev", 0o755)]
    {
        let path = root.join(directory);
        fs::create_dir_all(&path).expect("it can be created");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("it is ours");
    }
}
