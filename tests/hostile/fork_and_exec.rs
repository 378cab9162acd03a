//! Between fork and exec a child is a copy of PID 1, with all that it knows: nobody may look into it (SECURITY T18).

use super::{BareContainer, text};
use crate::support::try_container::{LIMIT, possible};

/// Looks for processes that are still `stepdown`, PID 1 among them, and tries everything on each, until enough of them were
/// met.
const ATTACK: &str = r#"
import ctypes, errno, os, time
libc = ctypes.CDLL(None, use_errno=True)
class Part(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
def is_still(pid):
    try:
        return open(f"/proc/{pid}/comm").read() == "stepdown\n"
    except (ProcessLookupError, FileNotFoundError):
        return False
def done(pid, what):
    # It may have become its program in between, which is our equal.
    if is_still(pid): raise SystemExit(f"done to {pid}: {what}")
def opened(pid, name):
    try:
        open(f"/proc/{pid}/{name}", "rb").read(1)
    except OSError:
        return
    done(pid, name)
here = ctypes.create_string_buffer(8)
ours = Part(ctypes.addressof(here), 8)
met = {True: 0, False: 0}
until = time.monotonic() + 25
while (met[False] < 30 or met[True] < 30) and time.monotonic() < until:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if not is_still(pid): continue
        try:
            fd = os.pidfd_open(int(pid))
        except ProcessLookupError:
            continue
        for name in ("mem", "environ", "maps", "fd/1"): opened(pid, name)
        if libc.syscall(438, fd, 0, 0) >= 0: done(pid, "pidfd_getfd")
        # At address 0 nothing is mapped: whoever may look is told EFAULT.
        there = Part(None, 8)
        read = libc.process_vm_readv(int(pid), ctypes.byref(ours), 1, ctypes.byref(there), 1, 0)
        if read >= 0 or ctypes.get_errno() == errno.EFAULT: done(pid, "process_vm_readv")
        os.close(fd)
        met[pid == "1"] += 1
print("met enough" if min(met.values()) >= 30 else f"met too few: {met}", flush=True)
time.sleep(600)
"#;

#[test]
fn nobody_looks_into_a_child_that_is_not_its_program_yet() {
    if !possible() {
        return;
    }
    let attack = format!("command = [\"python3\", \"-c\", '''{ATTACK}''']\nrestart = \"never\"\nessential = true\n");
    let victim =
        "command = [\"/bin/true\"]\nrestart = { delay = \"100ms\", max_delay = \"100ms\", limit = \"infinity\" }\n";
    let many = || {
        let container = BareContainer::new().etc("services.d/attack.toml", &attack).env("SECRET", "x");
        (0..8).fold(container, |container, at| container.etc(&format!("services.d/victim{at}.toml"), victim))
    };
    for (mode, container) in [("root", many().app()), ("user", many().user(4242, 4242, ""))] {
        let running = container.start();
        let output = running.wait_for_line(|line| line.starts_with("attack") && !line.contains("stepdown |"), LIMIT);
        let lines: Vec<_> = running.lines().into_iter().filter(|line| line.text.contains("attack")).collect();
        assert!(output.contains("| met enough"), "{mode}: {output}: {lines:#?}");
        let first = nix::unistd::Pid::from_raw(running.pid_one());
        nix::sys::signal::kill(first, nix::sys::signal::Signal::SIGTERM).unwrap();
        let ended = running.wait(LIMIT);
        assert_eq!(ended.code, Some(0), "{mode}: {}", text(&ended));
    }
}
