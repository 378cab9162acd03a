//! Our own directory (DESIGN §3.3). It is made anew at each boot, so it is never "already right".

use std::path::Path;

use super::{Ground, skip};
use crate::plan::facts::Access;
use crate::plan::fix::Fix;
use crate::plan::{Planned, Step, Verdict};

pub(super) fn step(ground: &Ground<'_>) -> Planned {
    let usable = ground.facts.runtime.iter().filter(|(_, access)| *access == Access::Yes);
    let candidates: Vec<_> = usable.map(|(path, _)| path.clone()).collect();
    let verdict = if candidates.is_empty() {
        skip(
            "no directory for the control socket can be written (/run, /dev/shm, /tmp)",
            "supervision works; `stepdown status` and the other control commands do not",
            Fix::tmpfs(Path::new("/run"), None),
        )
    } else {
        Verdict::Do
    };
    Planned { step: Step::RuntimeDirectory { candidates }, verdict }
}
