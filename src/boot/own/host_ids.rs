//! Owners by the numbers that the host has for them: a fix that is pasted there needs those.

use crate::config::values::{Gid, Uid};
use crate::plan::Owner;
use crate::sys::id_map::id_map;
use crate::sys::read_file;

/// Returns the owner as the user namespace around ours knows it; an id that is not mapped stays.
pub(super) fn outside(owner: Owner) -> Owner {
    let map = |file: &str, id: u32| id_map(&read_file::proc(file)).outside(id).unwrap_or(id);
    Owner { uid: Uid(map("/proc/self/uid_map", owner.uid.0)), gid: Gid(map("/proc/self/gid_map", owner.gid.0)) }
}
