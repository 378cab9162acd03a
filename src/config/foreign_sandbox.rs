//! Keys of systemd that restrict a service, and who restricts a container. A table; must not know how they are found.

use super::foreign_tables::{ForeignKey, Note, SYSTEMD, entry};

const FILES: Note = Note::Text(
    "not available here: remove it, and write `read_only: true` into the compose file, where a volume may end in `:ro`",
);
const TMP: Note = Note::Text(
    "not available here: the services of a container share /tmp. Remove it; `tmpfs: [\"/tmp\"]` in the compose file gives the \
     container its own",
);
const HOME: Note =
    Note::Text("remove it: of the host's home directories, a container sees only what is mounted into it");
const DEVICES: Note = Note::Text(
    "remove it: a container has its own /dev, with what `devices` in the compose file adds, unless it is privileged",
);
const KERNEL: Note =
    Note::Text("remove it: the container runtime does this for the whole container, unless it is privileged");
const SYSTEM_CALLS: Note = Note::Text(
    "not available here: remove it; the container runtime filters system calls (compose `security_opt: \
     [\"seccomp=FILE\"]`)",
);
const NAMESPACES: Note =
    Note::Text("remove it: without the capability SYS_ADMIN, the container runtime lets nobody make namespaces");
const NETWORK: Note = Note::Text(
    "not available here: remove it; the services of a container share its network (compose `networks`, `network_mode`)",
);
const MOUNTS: Note = Note::Text("not available here: remove it, and write the mount into the compose file (`volumes`)");
/// What systemd takes away, the container runtime does.
const BOUNDING_SET: Note =
    Note::Text("remove it: the container runtime restricts the capabilities (compose `cap_drop`)");

#[rustfmt::skip] // a table: one key in one line
pub(super) const SANDBOX: &[ForeignKey] = &[
    // systemd.exec(5), "Capabilities", "Sandboxing", "System call filtering"; systemd.resource-control(5)
    entry(SYSTEMD, "capabilityboundingset", "", BOUNDING_SET),
    entry("", "boundingset", "", BOUNDING_SET),
    entry(SYSTEMD, "protectsystem", "", FILES),
    entry(SYSTEMD, "readonlypaths", "", FILES),
    entry(SYSTEMD, "readonlydirectories", "", FILES),
    entry(SYSTEMD, "readwritepaths", "", FILES),
    entry(SYSTEMD, "readwritedirectories", "", FILES),
    entry(SYSTEMD, "privatetmp", "", TMP),
    entry(SYSTEMD, "protecthome", "", HOME),
    entry(SYSTEMD, "privatedevices", "", DEVICES),
    entry(SYSTEMD, "devicepolicy", "", DEVICES),
    entry(SYSTEMD, "deviceallow", "", DEVICES),
    entry(SYSTEMD, "protectkerneltunables", "", KERNEL),
    entry(SYSTEMD, "protectkernelmodules", "", KERNEL),
    entry(SYSTEMD, "protectkernellogs", "", KERNEL),
    entry(SYSTEMD, "protectcontrolgroups", "", KERNEL),
    entry(SYSTEMD, "protectclock", "", KERNEL),
    entry(SYSTEMD, "protecthostname", "", KERNEL),
    entry(SYSTEMD, "systemcallfilter", "", SYSTEM_CALLS),
    entry(SYSTEMD, "systemcallarchitectures", "", SYSTEM_CALLS),
    entry(SYSTEMD, "systemcallerrornumber", "", SYSTEM_CALLS),
    entry(SYSTEMD, "restrictaddressfamilies", "", SYSTEM_CALLS),
    entry(SYSTEMD, "restrictrealtime", "", SYSTEM_CALLS),
    entry(SYSTEMD, "restrictsuidsgid", "", SYSTEM_CALLS),
    entry(SYSTEMD, "lockpersonality", "", SYSTEM_CALLS),
    entry(SYSTEMD, "memorydenywriteexecute", "", SYSTEM_CALLS),
    entry(SYSTEMD, "restrictnamespaces", "", NAMESPACES),
    entry(SYSTEMD, "privatenetwork", "", NETWORK),
    entry(SYSTEMD, "ipaddressdeny", "", NETWORK),
    entry(SYSTEMD, "ipaddressallow", "", NETWORK),
    entry(SYSTEMD, "inaccessiblepaths", "", MOUNTS),
    entry(SYSTEMD, "temporaryfilesystem", "", MOUNTS),
    entry(SYSTEMD, "bindpaths", "", MOUNTS),
    entry(SYSTEMD, "bindreadonlypaths", "", MOUNTS),
    entry(SYSTEMD, "rootdirectory", "", MOUNTS),
    entry(SYSTEMD, "rootimage", "", MOUNTS),
];
