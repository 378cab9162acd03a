//! The app user's ids on the host, if a user namespace maps them: they own what it writes into volumes. Must not evaluate
//! that.

use super::facts::{IdMap, IdRange};
use crate::config::values::{Gid, Uid};

/// Returns their description, for the end of "app (1000:1000), …"; `None` if they are the same.
///
/// The map shows the ids in the parent namespace. That is the host's, except for `keep-id`, which podman creates inside of
/// its own rootless namespace; there 0 is the user who started it (podman-run(1), `--userns`).
pub(super) fn description((Uid(uid), uids): (Uid, &IdMap), (Gid(gid), gids): (Gid, &IdMap)) -> Option<String> {
    let there = (uids.outside(uid)?, gids.outside(gid)?);
    Some(match rootless_user(uids) {
        RootlessUser::Unknown if there == (uid, gid) => return None,
        RootlessUser::KeepId(inside) if inside == uid => {
            "on the host the user who started the container (keep-id)".to_owned()
        }
        RootlessUser::KeepId(inside) => {
            format!("a subordinate id on the host (keep-id: {inside} here is the user who started the container)")
        }
        RootlessUser::Zero(outside) if uid == 0 => {
            format!("on the host {}:{}, who started the container (rootless)", outside, there.1)
        }
        RootlessUser::Zero(outside) => {
            format!("on the host {}:{} (rootless: 0 here is {outside} there)", there.0, there.1)
        }
        RootlessUser::Unknown => format!("on the host {}:{}", there.0, there.1),
    })
}

/// Which of our ids is the user who started a rootless container.
enum RootlessUser {
    /// `--userns=keep-id`: this one.
    KeepId(u32),
    /// 0, and this one on the host.
    Zero(u32),
    /// One range for all (`userns-remap`, `--userns=auto`).
    Unknown,
}

fn rootless_user(map: &IdMap) -> RootlessUser {
    let alone = |range: &&IdRange| range.count == 1;
    let kept = map.0.iter().filter(alone).find(|range| range.outside == 0 && range.inside != 0);
    let zero = map.0.iter().filter(alone).find(|range| range.inside == 0 && range.outside != 0);
    match (kept, zero) {
        (Some(kept), _) => RootlessUser::KeepId(kept.inside),
        // keep-id's first range begins at 1 outside.
        (None, Some(zero)) => RootlessUser::Zero(zero.outside),
        (None, None) => RootlessUser::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(ranges: &[[u32; 3]], id: u32) -> Option<String> {
        let range = |[inside, outside, count]: &[u32; 3]| IdRange { inside: *inside, outside: *outside, count: *count };
        let map = IdMap(ranges.iter().map(range).collect());
        description((Uid(id), &map), (Gid(id), &map))
    }

    #[test]
    fn each_engine_is_recognised_by_its_id_map() {
        let said = |ranges: &[[u32; 3]], id| said(ranges, id).unwrap_or_default();
        assert_eq!(said(&[[0, 0, u32::MAX]], 1000), "");
        assert_eq!(said(&[[0, 0, 65536]], 1000), "");
        // dockerd with userns-remap, podman --userns=auto.
        assert_eq!(said(&[[0, 100_000, 65536]], 1000), "on the host 101000:101000");
        // Rootless podman and docker.
        let rootless = [[0, 1000, 1], [1, 100_000, 65536]];
        assert_eq!(said(&rootless, 1000), "on the host 100999:100999 (rootless: 0 here is 1000 there)");
        assert_eq!(said(&rootless, 0), "on the host 1000:1000, who started the container (rootless)");
        // podman --userns=keep-id, for the user himself and for another.
        let kept = [[0, 1, 1000], [1000, 0, 1], [1001, 1001, 64536]];
        assert_eq!(said(&kept, 1000), "on the host the user who started the container (keep-id)");
        let other = "a subordinate id on the host (keep-id: 1000 here is the user who started the container)";
        assert_eq!(said(&kept, 7), other);
        assert_eq!(said(&kept, 2000), other);
        assert_eq!(said(&rootless, 70_000), "", "refused elsewhere");
    }
}
