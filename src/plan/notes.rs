//! [`Notes`]: what planning finds out besides the plan, collected so that every problem is reported at once; and the
//! lines to paste. Must not know what is planned.

use std::fmt::Display;

use crate::config::values::CapSet;
use crate::error::{Error, Place, Problem, Problems, Refused};

/// Problems, refusals and notices of one planning.
#[derive(Debug, Default)]
pub(super) struct Notes {
    problems: Problems,
    refused: Option<Refused>,
    notices: Vec<String>,
}

impl Notes {
    /// Notes something that the user wrote wrong: exit 100.
    pub(super) fn problem(&mut self, at: &Place, what: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(Problem::new(at.clone(), what, remedy));
    }

    /// Notes that the machine does not allow what is required: exit 111. The first one counts, as with system calls.
    pub(super) fn refuse(&mut self, what: impl Into<String>, cause: impl Into<String>, help: impl Into<String>) {
        let refused = Refused::new(what, std::io::Error::other(cause.into())).help(help);
        self.refused.get_or_insert(refused);
    }

    /// Notes what the user should know and need not fix.
    pub(super) fn notice(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.notices.contains(&text) {
            self.notices.push(text);
        }
    }

    /// Returns the notices if nothing is wrong. Wrong input comes before refusals: it has to be mended on any machine.
    pub(super) fn finish(self) -> Result<Vec<String>, Error> {
        match (self.problems.is_empty(), self.refused) {
            (false, _) => Err(Error::Wrong(self.problems)),
            (true, Some(refused)) => Err(Error::Refused(refused)),
            (true, None) => Ok(self.notices),
        }
    }
}

/// Returns the lines that grant capabilities.
pub(super) fn cap_add(missing: CapSet) -> String {
    let list: Vec<_> = missing.iter().map(|capability| capability.to_string()).collect();
    let flags: Vec<_> = list.iter().map(|name| format!("--cap-add {name}")).collect();
    format!("compose: `cap_add: [{}]`; docker run: `{}`", list.join(", "), flags.join(" "))
}

/// Returns the lines that let the container have more groups.
pub(super) fn group_add(groups: &[impl Display]) -> String {
    let list: Vec<_> = groups.iter().map(|group| format!("\"{group}\"")).collect();
    let flags: Vec<_> = groups.iter().map(|group| format!("--group-add {group}")).collect();
    format!("compose: `group_add: [{}]`; docker run: `{}`", list.join(", "), flags.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::Capability;

    #[test]
    fn fixes_can_be_pasted() {
        let missing = [Capability::SETUID, Capability::SETGID].into_iter().collect();
        let text = "compose: `cap_add: [SETGID, SETUID]`; docker run: `--cap-add SETGID --cap-add SETUID`";
        assert_eq!(cap_add(missing), text);
        assert_eq!(group_add(&[44]), "compose: `group_add: [\"44\"]`; docker run: `--group-add 44`");
    }

    #[test]
    fn what_is_wrong_comes_before_what_is_refused() {
        let mut notes = Notes::default();
        notes.refuse("cannot x", "y", "z");
        notes.problem(&Place::Machine, "a", "b");
        assert_eq!(notes.finish().unwrap_err().exit_code(), 100);
    }
}
