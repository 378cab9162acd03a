//! Which capabilities a rehearsed container has: Docker's default set, changed by `--cap-drop` and `--cap-add`.
//! Decides only; `launch` applies it.

use super::rehearsal::{DOCKER_DEFAULT, Network};
use crate::config::values::{CapSet, Capability};
use crate::error::{Place, Problem, Problems};

/// Capabilities that act on the machine, not on the container: with them a rehearsal could change the host (remount what is
/// bound read-only, set the clock, load a module, read and write raw devices and memory).
const REACHES_HOST: [&str; 14] = [
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_TIME",
    "SYS_PACCT",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_CONTROL",
    "PERFMON",
    "BPF",
];

/// Returns the set that results from `--cap-drop` and `--cap-add`; as for Docker, `ALL` is dropped before anything is added,
/// and `--cap-add ALL` means everything except those that reach the host.
///
/// # Errors
/// Every word that is not a capability, and every capability that reaches the host.
pub fn granted(drop: &[String], add: &[String], network: Network) -> Result<CapSet, Problems> {
    let mut problems = Problems::default();
    let beyond = |capability: Capability| -> bool {
        let name = capability.to_string();
        REACHES_HOST.contains(&name.as_str()) || (name == "NET_ADMIN" && network == Network::Host)
    };
    let mut read = |flag: &str, words: &[String]| -> CapSet {
        let mut set = CapSet::EMPTY;
        for word in words {
            if word.eq_ignore_ascii_case("ALL") {
                let all = Capability::NAMES.iter().filter_map(|name| Capability::parse(name)).collect();
                set = set.union(all);
                continue;
            }
            match Capability::parse(word) {
                Some(capability) if flag == "--cap-add" && beyond(capability) => problems.push(Problem::new(
                    Place::Argument(format!("{flag} {word}")),
                    format!("{capability} would let the rehearsal change this host"),
                    if word.to_ascii_uppercase().ends_with("NET_ADMIN") {
                        "add `--network none`"
                    } else {
                        "leave it out, and rehearse what needs it in Docker"
                    },
                )),
                Some(capability) => set = set.with(capability),
                None => problems.push(Problem::new(
                    Place::Argument(format!("{flag} {word}")),
                    "there is no such capability",
                    nearest(word),
                )),
            }
        }
        set
    };
    let dropped = read("--cap-drop", drop);
    let added = read("--cap-add", add);
    let inside: CapSet = added.iter().filter(|capability| !beyond(*capability)).collect();
    problems.or(DOCKER_DEFAULT.minus(dropped).union(inside))
}

fn nearest(word: &str) -> String {
    let upper = word.to_ascii_uppercase();
    let bare = upper.strip_prefix("CAP_").unwrap_or(&upper);
    let best =
        Capability::NAMES.iter().max_by(|a, b| strsim::jaro_winkler(a, bare).total_cmp(&strsim::jaro_winkler(b, bare)));
    best.map_or_else(String::new, |name| format!("did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(all: &[&str]) -> Vec<String> {
        all.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn nothing_asked_is_dockers_default() {
        assert_eq!(granted(&[], &[], Network::Host).unwrap(), CapSet(0xa804_25fb));
    }

    #[test]
    fn all_is_dropped_before_one_is_added() {
        let set = granted(&strings(&["all"]), &strings(&["cap_chown", "SETUID"]), Network::Host).unwrap();
        assert_eq!(set, CapSet::EMPTY.with(Capability::CHOWN).with(Capability::SETUID));
    }

    #[test]
    fn what_reaches_the_host_is_refused_by_name_and_every_wrong_word_is_listed() {
        let wrong = granted(&[], &strings(&["SYS_ADMIN", "NET_ADMIN", "CHWON"]), Network::Host).unwrap_err();
        let text = wrong.to_string();
        assert!(text.contains("`--cap-add SYS_ADMIN`: SYS_ADMIN would let the rehearsal change this host"), "{text}");
        assert!(text.contains("add `--network none`"), "{text}");
        assert!(text.contains("did you mean `CHOWN`?"), "{text}");
    }

    #[test]
    fn net_admin_stays_inside_a_network_of_its_own() {
        let set = granted(&[], &strings(&["NET_ADMIN"]), Network::None).unwrap();
        assert_eq!(set.minus(DOCKER_DEFAULT).to_string(), "NET_ADMIN");
    }

    #[test]
    fn all_added_is_all_that_stays_inside() {
        let set = granted(&[], &strings(&["ALL"]), Network::Host).unwrap();
        assert!(!set.has(Capability::SYS_ADMIN) && set.has(Capability::SYS_NICE));
    }
}
