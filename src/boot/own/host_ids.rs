//! Owners by their ids on the host, for fixes that are pasted there.

use crate::config::values::{Gid, Uid};
use crate::plan::Owner;
use crate::sys::id_map::id_map;
use crate::sys::read_file;

/// Returns the owner by its ids in the parent user namespace; an id that is not mapped stays.
pub(super) fn on_host(owner: Owner) -> Owner {
    let map = |file: &str, id: u32| id_map(&read_file::read_proc(file)).outside(id).unwrap_or(id);
    Owner { uid: Uid(map("/proc/self/uid_map", owner.uid.0)), gid: Gid(map("/proc/self/gid_map", owner.gid.0)) }
}
