//! What to do with a file of another system in a services tree. Names and bytes in, a fix out; must not know services.

use std::path::Path;

use super::Content;
use crate::text::shown;

/// What only a file of supervisord has.
const OF_SUPERVISORD: [&[u8]; 4] = [b"[program:", b"[supervisord]", b"[group:", b"[eventlistener:"];

/// Returns the fix for an entry that is no service; `None`: it is of no known kind.
pub fn fix(name: &str, tree: &Path, content: &Content) -> Option<String> {
    let Content::File { bytes, .. } = content else { return None };
    let (bare, end) = name.rsplit_once('.').unwrap_or((name, ""));
    let import = |whose: &str| format!("it is {whose}: `stepdown import {}` translates it", shown(&tree.join(name)));
    let is_supervisord = || OF_SUPERVISORD.iter().any(|part| bytes.windows(part.len()).any(|window| window == *part));
    Some(match end {
        "service" => format!("it is a unit of systemd: write `{bare}.toml`, and its `ExecStart` there as `command`"),
        "timer" => format!("it is a unit of systemd: write `every` or `at` into the oneshot `{bare}.toml`"),
        "socket" | "target" | "mount" | "path" => {
            "it is a unit of systemd, and has no equivalent: remove it".to_owned()
        }
        "conf" | "ini" if is_supervisord() => import("supervisord's"),
        "conf" | "ini" | "cfg" => {
            format!("put the configuration of a program elsewhere, such as in /etc; a service is `{bare}.toml`")
        }
        "yml" | "yaml" | "json" => format!("services are written in TOML: write `{bare}.toml`"),
        "sh" | "bash" | "py" => {
            format!(
                "put the program elsewhere, and name it as `command` in `{bare}.toml`; or put it there as `{bare}/run`"
            )
        }
        end if end.eq_ignore_ascii_case("toml") => format!("rename it to `{bare}.toml`"),
        "" if name == "Procfile" => import("a Procfile"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_system_is_answered_by_its_kind() {
        let of = |name: &str, text: &str| {
            let content = Content::File { bytes: text.as_bytes().to_vec(), executable: false };
            fix(name, Path::new("/etc/services.d"), &content)
        };
        for (name, text, expected) in [
            ("web.service", "", "it is a unit of systemd: write `web.toml`, and its `ExecStart` there as `command`"),
            ("web.timer", "", "it is a unit of systemd: write `every` or `at` into the oneshot `web.toml`"),
            (
                "web.conf",
                "; x\n[program:web]\ncommand=web\n",
                "it is supervisord's: `stepdown import /etc/services.d/web.conf` translates it",
            ),
            (
                "nginx.conf",
                "worker_processes 1;\n",
                "put the configuration of a program elsewhere, such as in /etc; a service is `nginx.toml`",
            ),
            ("web.yaml", "", "services are written in TOML: write `web.toml`"),
            (
                "web.sh",
                "",
                "put the program elsewhere, and name it as `command` in `web.toml`; or put it there as `web/run`",
            ),
            ("Procfile", "web: web\n", "it is a Procfile: `stepdown import /etc/services.d/Procfile` translates it"),
        ] {
            assert_eq!(of(name, text).as_deref(), Some(expected), "{name}");
        }
        assert_eq!(of("web.TOML", "").as_deref(), Some("rename it to `web.toml`"));
        assert_eq!(of("web", ""), None);
        assert_eq!(of("web.txt", ""), None);
    }
}
