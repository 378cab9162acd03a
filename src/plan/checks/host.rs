//! Paths and ids of the container on the host, for a `chown` that can be pasted there. From mounts and id maps only; must
//! not know why it is needed.
//!
//! A bind mount shows its path *within its file system*. A container does not know where that file system is mounted on the
//! host, but Docker and Kubernetes bind files of their own into every container (`/etc/hosts`), from a directory with a
//! known path: the paths of other mounts from the same file system follow from it.

use std::path::{Path, PathBuf};

use super::mounts::{Mount, Mounts, ends_with};
use super::observations::HostContext;
use crate::config::values::{Gid, Uid};
use crate::config::{command_line, is_system_directory};
use crate::plan::facts::IdMap;
use crate::plan::finding::{Area, Check};
use crate::plan::fix::{Chown, Fix, FixOption, Settings, Writable};
use crate::plan::{BootPlan, Decision, Owner, PlannedStep, printable};

/// The default directories of the files that container runtimes bind into every container.
const RUNTIMES: [(&str, &str); 2] = [("/var/lib/docker", "/containers/"), ("/var/lib/kubelet", "/pods/")];

/// Returns the fix with the paths and ids of the host, if they are known.
pub fn located(fix: Fix, host: &HostContext) -> Fix {
    fix.located(|chown| locate(chown, host), |path| writable(path, host))
}

/// Writes the paths and ids of the host into a fix, and the read-only mount into its cause: the steps of a plan know only
/// the effects of mounts.
pub fn locate_in(cause: &mut String, fix: &mut Fix, host: &HostContext) {
    let mount = fix.read_only().and_then(|path| host.mounts.of(path));
    if let Some(mount) = mount.filter(|mount| !mount.is_image()) {
        *cause = mount.read_only_cause();
    }
    *fix = located(std::mem::take(fix), host);
}

/// Writes the paths and ids of the host into the skipped steps of a plan. `host` is called only if needed: a boot without
/// skipped steps reads nothing more.
pub fn locate_all(plan: &mut BootPlan, host: impl FnOnce() -> HostContext) {
    let skipped =
        |planned: &&mut PlannedStep| matches!(&planned.decision, Decision::Skip(why) if why.fix.is_unlocated());
    let mut unlocated = plan.steps.iter_mut().filter(skipped).peekable();
    if unlocated.peek().is_none() {
        return;
    }
    let host = host();
    for planned in unlocated {
        if let Decision::Skip(why) = &mut planned.decision {
            locate_in(&mut why.cause, &mut why.fix, &host);
        }
    }
}

/// For a mount: how to mount it writable; for a read-only root: what to mount there.
fn writable(to: &Writable, host: &HostContext) -> Option<Fix> {
    let mount = host.mounts.of(&to.path)?;
    let path = printable::path(&to.path);
    let or_writable_root = |fix: Fix| match to.is_foreign {
        true => fix,
        false => fix.or(Fix::text("remove `--read-only` (compose: `read_only: true`)")),
    };
    if !mount.is_image() {
        return Some(mount.read_write());
    }
    if to.is_file {
        // The file must exist: Docker creates a directory for a missing path.
        let owner = to.owner.map_or_else(String::new, |(uid, gid)| format!(" -o {uid} -g {gid}"));
        let file = format!(
            "mount a file of the host's there: `install -m 644{owner} /dev/null file`, or a copy of the image's, then \
             `-v \"$PWD/file:{path}\"`"
        );
        return Some(or_writable_root(Fix::text(file)));
    }
    let owner = to.owner.map(|(uid, gid)| Owner { uid: Uid(uid), gid: Gid(gid) });
    Some(or_writable_root(Fix::volume(&to.path, owner)))
}

fn locate(chown: &Chown, host: &HostContext) -> Option<FixOption> {
    let mount = host.mounts.of(&chown.path)?;
    let (uid, gid) = (host.uid_map.outside(chown.uid)?, host.gid_map.outside(chown.gid)?);
    let inside = chown.command(chown.uid, chown.gid);
    let path = printable::path(&chown.path);
    if mount.is_image() {
        let built = format!("in the Dockerfile: `RUN {inside} {path}`");
        if chown.is_file {
            return Some(FixOption::Text(built));
        }
        // A new named volume gets the image's files and their owners.
        return Some(FixOption::Text(format!("{built}; a volume there (`-v data:{path}`) has the image's owner then")));
    }
    if mount.is_memory() && mount.root == Path::new("/") {
        let owner = Owner { uid: Uid(chown.uid), gid: Gid(chown.gid) };
        return Fix::tmpfs(&mount.point, Some((owner, 0o755))).0.into_iter().next();
    }
    let within = mount.within(&chown.path);
    if mount.kind == "cifs" || mount.kind == "smb3" || mount.kind == "smbfs" {
        return Some(FixOption::Text(format!(
            "CIFS has the owner that it is mounted with, and `chown` changes nothing: add `uid={uid},gid={gid}` to its mount \
             options (/etc/fstab, or `o:` in the volume's `driver_opts`) and mount it anew"
        )));
    }
    let command = chown.command(uid, gid);
    if mount.is_remote() && mount.kind != "9p" {
        return Some(on_server(&command, mount, &within));
    }
    if of_kubelet(&within) {
        let kubernetes = format!("securityContext: {{ fsGroup: {gid} }}   # of the pod");
        return Some(FixOption::Settings(Settings { kubernetes, ..Settings::default() }));
    }
    let known = on_host(&host.mounts, mount, &within);
    let shown = known.as_deref().unwrap_or(&within);
    if shown.to_str().is_none_or(is_system_directory) || RUNTIMES.iter().any(|(runtime, _)| shown == Path::new(runtime))
    {
        // A whole file system, whose path on the host is unknown; or the host's root. Nothing to paste.
        return None;
    }
    let mut notes = Vec::new();
    let whole = match (known, volume(&within)) {
        (Some(host), _) => quoted(&host),
        (None, Some(volume)) => volume,
        (None, None) => {
            let path = of_desktop(mount, &within);
            let source = printable::path(Path::new(&mount.source));
            if is_likely_whole(&path) {
                notes
                    .push(format!("its path on {source}: look first, in case that is not the host's root file system"));
                quoted(&path)
            } else {
                notes.push(format!("MOUNTPOINT: where {source} is mounted on the host"));
                format!("MOUNTPOINT{}", quoted(&path))
            }
        }
    };
    if is_rootless(&host.uid_map) {
        notes.push(format!("rootless podman, without sudo: podman unshare {inside} {whole}"));
    }
    if mount.has("idmapped") {
        notes.push("an idmapped mount: the owner there may have to be another".to_owned());
    }
    let note = (!notes.is_empty()).then(|| notes.join("; "));
    Some(FixOption::Host { command: format!("{command} {whole}"), note })
}

/// `server:/export` and the path below it.
fn on_server(command: &str, mount: &Mount, within: &Path) -> FixOption {
    let source = printable::path(Path::new(&mount.source));
    let (server, export) = source.split_once(":/").unwrap_or((source.as_str(), ""));
    let below = within.strip_prefix("/").unwrap_or(within);
    let path = quoted(&Path::new("/").join(export).join(below));
    // Not a command for this host: with root_squash it would be refused there, as it is here.
    FixOption::Text(format!(
        "on the file server {server}, as root: `{command} {path}` (a client's root may be refused)"
    ))
}

/// Returns the path on the host, if a file that the container runtime has bound from the same file system shows where that is mounted.
fn on_host(mounts: &Mounts, mount: &Mount, within: &Path) -> Option<PathBuf> {
    let (runtime, its_own) = mounts.0.iter().filter(|other| other.device == mount.device).find_map(|other| {
        let root = other.root.to_str()?;
        let is_bound =
            ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"].iter().any(|file| other.point == Path::new(file));
        let (runtime, below) = RUNTIMES.iter().find(|(_, below)| is_bound && root.contains(below))?;
        Some((*runtime, root.split_once(below)?.0.to_owned()))
    })?;
    if let Some(prefix) = its_own.strip_suffix(runtime) {
        // The host's root file system, possibly a subvolume (btrfs: `/@/var/lib/docker`).
        let rest = within.strip_prefix(if prefix.is_empty() { "/" } else { prefix }).ok()?;
        return Some(Path::new("/").join(rest));
    }
    let point = runtime.strip_suffix(its_own.as_str())?;
    Some(Path::new(point).join(within.strip_prefix("/").unwrap_or(within)))
}

/// The name of a named volume, whose path the container runtime can print.
fn volume(within: &Path) -> Option<String> {
    let text = within.to_str()?;
    let (before, after) = text.split_once("/volumes/")?;
    let (name, below) = after.split_once("/_data")?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    // Engines allow no other names: anything else is a directory with a similar path.
    if name.is_empty() || !name.chars().all(plain) || !(below.is_empty() || below.starts_with('/')) {
        return None;
    }
    let below = if below.is_empty() { String::new() } else { quoted(Path::new(below)) };
    let runtime = if ends_with(Path::new(before), "/storage") { "podman" } else { "docker" };
    Some(format!("\"$({runtime} volume inspect --format '{{{{.Mountpoint}}}}' {name})\"{below}"))
}

fn of_kubelet(within: &Path) -> bool {
    within.to_str().is_some_and(|text| text.contains("/pods/") && text.contains("/volumes/kubernetes.io~"))
}

/// Docker Desktop mounts the machine's own files below `/host_mnt`.
fn of_desktop(mount: &Mount, within: &Path) -> PathBuf {
    let shares = matches!(mount.kind.as_str(), "fuse.grpcfuse" | "virtiofs" | "fakeowner" | "fuse.osxfs" | "9p");
    match within.strip_prefix("/host_mnt") {
        Ok(rest) if shares => Path::new("/").join(rest),
        Ok(_) | Err(_) => within.to_owned(),
    }
}

/// Whether the path may be a mount point on the host: then paths within that file system would not contain it.
fn is_likely_whole(path: &Path) -> bool {
    let usual = ["home", "media", "mnt", "opt", "root", "srv", "tmp", "usr", "var", "Users", "Volumes"];
    path.components().nth(1).is_some_and(|first| usual.iter().any(|name| first.as_os_str() == *name))
}

/// Whether root inside is another user outside.
fn is_rootless(map: &IdMap) -> bool {
    map.outside(0).is_some_and(|outside| outside != 0)
}

/// A word as a shell reads it.
fn quoted(path: &Path) -> String {
    command_line::in_shell(&printable::path(path))
}

/// Reports the app user's ids on the host.
pub(super) fn namespace((uid, gid): (u32, u32), host: &HostContext) -> Check {
    let HostContext { uid_map, gid_map, .. } = host;
    if *uid_map == IdMap::whole() {
        return Check::ok(Area::UserNamespace, "user namespace", "none: ids are the host's");
    }
    let outside = |map: &IdMap, id| map.outside(id).map_or_else(|| "nobody".to_owned(), |id| id.to_string());
    let (uid_there, gid_there) = (outside(uid_map, uid), outside(gid_map, gid));
    let note = format!("{uid}:{gid} here is {uid_there}:{gid_there} on the host");
    Check::ok(Area::UserNamespace, "user namespace", note)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::facts::IdRange;

    const DOCKER: &str = include_str!("recorded/docker.mountinfo");

    fn fix(mountinfo: &str, path: &str) -> String {
        at(&host(mountinfo), path)
    }

    fn host(mountinfo: &str) -> HostContext {
        HostContext {
            mounts: Mounts::parse(mountinfo.as_bytes()),
            uid_map: IdMap::whole(),
            gid_map: IdMap::whole(),
            label: None,
        }
    }

    /// The lines of the fix of a path that must be 1000:1000's.
    fn at(host: &HostContext, path: &str) -> String {
        let owner = Owner { uid: Uid(1000), gid: Gid(1000) };
        let fix = located(Fix::chown(Path::new(path), true, owner), host);
        fix.0
            .iter()
            .flat_map(FixOption::lines)
            .map(|(who, text)| format!("{who}: {text}"))
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn on_the_file_system_of_the_engine_the_hosts_path_is_known() {
        assert_eq!(fix(DOCKER, "/data"), "host: chown -R 1000:1000 /var/lib/docker/volumes/web/_data");
        assert_eq!(fix(DOCKER, "/bind/films"), "host: chown -R 1000:1000 /srv/media/films");
        assert_eq!(fix(DOCKER, "/with space"), r"host: chown -R 1000:1000 '/srv/a b\c'");
    }

    #[test]
    fn a_subvolume_and_a_partition_of_the_engines_own_are_seen_through() {
        // Fedora: `/` and `/home` are subvolumes of one btrfs.
        let btrfs = "1 0 0:50 / / rw - overlay overlay rw\n\
            2 1 0:35 /root/var/lib/docker/containers/0123/hosts /etc/hosts rw - btrfs /dev/nvme0n1p3 rw,subvol=/root\n\
            3 1 0:35 /root/srv/data /data rw - btrfs /dev/nvme0n1p3 rw,subvol=/root\n\
            4 1 0:35 /home/me/data /home-data rw - btrfs /dev/nvme0n1p3 rw,subvol=/home\n";
        assert_eq!(fix(btrfs, "/data"), "host: chown -R 1000:1000 /srv/data");
        assert_eq!(
            fix(btrfs, "/home-data"),
            "host: chown -R 1000:1000 /home/me/data   # its path on /dev/nvme0n1p3: look first, in case that is \
             not the host's root file system"
        );
        // `/var/lib/docker` is a disk of its own; `/var` is one.
        let of = |root: &str, volume: &str| {
            let text = format!(
                "1 0 0:50 / / rw - overlay overlay rw\n2 1 8:17 {root}/containers/0123/hosts /etc/hosts rw - ext4 /dev/sdb1 rw\n3 1 8:17 {volume} /data rw - ext4 /dev/sdb1 rw\n"
            );
            fix(&text, "/data")
        };
        assert_eq!(of("", "/volumes/x/_data"), "host: chown -R 1000:1000 /var/lib/docker/volumes/x/_data");
        assert_eq!(of("/lib/docker", "/data"), "host: chown -R 1000:1000 /var/data");
    }

    #[test]
    fn nobody_is_told_to_give_a_system_away() {
        let text = "1 0 0:50 / / rw - overlay overlay rw\n\
            2 1 254:0 /var/lib/docker/containers/0123/hosts /etc/hosts rw - ext4 /dev/vda rw\n\
            3 1 254:0 / /host rw - ext4 /dev/vda rw\n\
            4 1 254:0 /etc /conf rw - ext4 /dev/vda rw\n\
            5 1 8:17 / /disk rw - ext4 /dev/sdb1 rw\n\
            6 1 8:17 /books /books rw - ext4 /dev/sdb1 rw\n";
        for (path, shown) in [("/host", "/host"), ("/conf", "/conf"), ("/disk", "/disk"), ("/host/usr", "/host/usr")] {
            assert_eq!(fix(text, path), format!("host: chown -R 1000:1000 …   # what is mounted at {shown}"));
        }
        let books = "host: chown -R 1000:1000 MOUNTPOINT/books   # MOUNTPOINT: where /dev/sdb1 is mounted on the host";
        assert_eq!(fix(text, "/books"), books);
    }

    #[test]
    fn the_path_of_a_volume_elsewhere_is_what_the_container_runtime_prints() {
        let text = "1 0 0:50 / / rw - overlay overlay rw\n\
            2 1 8:33 /images/docker/containers/0123/hosts /etc/hosts rw - ext4 /dev/sdc1 rw\n\
            3 1 8:33 /images/docker/volumes/web/_data /data rw - ext4 /dev/sdc1 rw\n";
        let odd = text.replace("/web/", "/$(reboot)/");
        let fixed = fix(&odd, "/data/www");
        assert!(fixed.contains("MOUNTPOINT'/images/docker/volumes/$(reboot)/_data/www'"), "{fixed}");
        assert_eq!(
            fix(text, "/data/www"),
            "host: chown -R 1000:1000 \"$(docker volume inspect --format '{{.Mountpoint}}' web)\"/www"
        );
    }

    #[test]
    fn rootless_podman_counts_otherwise_on_the_host() {
        let text = "1 0 0:50 / / rw - fuse.fuse-overlayfs fuse-overlayfs rw\n\
            2 1 0:30 /containers/storage/overlay-containers/01/userdata/hosts /etc/hosts rw - tmpfs tmpfs rw\n\
            3 1 8:2 /home/me/.local/share/containers/storage/volumes/web/_data /data rw - ext4 /dev/sda2 rw\n";
        let range = |inside, outside, count| IdRange { inside, outside, count };
        let map = IdMap(vec![range(0, 1000, 1), range(1, 100_000, 65_536)]);
        let host = HostContext { uid_map: map.clone(), gid_map: map.clone(), ..host(text) };
        let volume = "\"$(podman volume inspect --format '{{.Mountpoint}}' web)\"";
        assert_eq!(
            at(&host, "/data"),
            format!(
                "host: chown -R 100999:100999 {volume}   # rootless podman, without sudo: podman unshare chown -R 1000:1000 {volume}"
            )
        );
        let check = namespace((1000, 0), &host);
        let text = "1000:0 here is 100999:1000 on the host";
        assert_eq!(check, Check::ok(Area::UserNamespace, "user namespace", text));
        // Nobody outside: nothing can be given to it.
        let narrow = HostContext { uid_map: IdMap(vec![range(0, 1000, 1)]), ..host };
        assert_eq!(at(&narrow, "/data"), "host: chown -R 1000:1000 …   # what is mounted at /data");
    }

    #[test]
    fn a_read_only_path_is_made_writable_where_it_is_read_only() {
        let text = "1 0 0:50 / / ro - overlay overlay rw\n2 1 254:0 /srv /books ro - ext4 /dev/vda rw\n";
        let owner = Owner { uid: Uid(1000), gid: Gid(100) };
        let fix = |path: &str, is_file, owner| {
            located(Fix::writable(Path::new(path), is_file, owner), &host(text)).to_string()
        };
        assert!(fix("/books", false, None).contains("mount /books read-write: remove `:ro`"));
        // Nothing is mounted there: there is no `:ro` to take off.
        let root = fix("/data", false, None);
        assert!(root.contains("`-v data:/data`") && !root.contains(":ro"), "{root}");
        // Nobody gives a fresh volume away without root: it has to be that user's.
        let user = fix("/data", false, Some(owner));
        assert!(user.contains("install -d -o 1000 -g 100 data") && !user.contains("-v data:/data"), "{user}");
        assert!(user.contains("--tmpfs /data:uid=1000,gid=100,mode=0755"), "{user}");
        let file = fix("/etc/app.conf", true, None);
        assert!(!file.contains("-v data:") && file.contains("file:/etc/app.conf"), "{file}");
    }

    #[test]
    fn what_is_not_a_directory_of_the_host_is_fixed_where_it_is() {
        let text = "1 0 0:50 / / rw - overlay overlay rw\n\
            2 1 0:61 / /nfs rw - nfs4 nas:/export/media rw,vers=4.2\n\
            3 1 0:62 / /smb rw - cifs //nas/media rw\n\
            4 1 0:63 / /run rw,noexec - tmpfs tmpfs rw\n\
            5 1 8:1 /var/lib/kubelet/pods/0a-1b/volumes/kubernetes.io~csi/pvc-1/mount /pvc rw - ext4 /dev/sda1 rw\n\
            6 1 0:64 /host_mnt/Users/me/data /mac rw - fuse.grpcfuse grpcfuse rw\n";
        assert_eq!(
            fix(text, "/opt/app"),
            "fix: in the Dockerfile: `RUN chown -R 1000:1000 /opt/app`; a volume there (`-v data:/opt/app`) has the image's owner \
             then"
        );
        assert_eq!(
            fix(text, "/nfs/films"),
            "fix: on the file server nas, as root: `chown -R 1000:1000 /export/media/films` (a client's root may be refused)"
        );
        // In the log too: nobody pastes it on this host.
        let owner = Owner { uid: Uid(1000), gid: Gid(1000) };
        let line = located(Fix::chown(Path::new("/nfs/films"), true, owner), &host(text)).to_string();
        assert!(line.starts_with("on the file server nas, as root: `chown"), "{line}");
        let smb = fix(text, "/smb");
        assert!(smb.contains("`chown` changes nothing: add `uid=1000,gid=1000` to its mount options"), "{smb}");
        assert!(fix(text, "/run/web").starts_with("docker run: --tmpfs /run:uid=1000,gid=1000,mode=0755\n"));
        assert_eq!(fix(text, "/pvc"), "kubernetes: securityContext: { fsGroup: 1000 }   # of the pod");
        assert!(fix(text, "/mac").starts_with("host: chown -R 1000:1000 /Users/me/data   # "));
    }
}
