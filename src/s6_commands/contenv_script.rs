//! What `#!/usr/bin/with-contenv bash` comes to, found out by the process that would execute this program for it: one exec and
//! one start of this program less for each script of an image. Only where the interpreter is this program, and where nothing
//! would be refused or said if the script itself were executed; otherwise the script itself is executed. Refusals that are
//! about the execution of the script alone cannot be foreseen, and such a script is run: somebody is writing it (ETXTBSY); a
//! rule for executing it in a security module (SELinux, AppArmor), Landlock's right to execute, or a listener for fanotify's
//! permission to execute (FAN_OPEN_EXEC_PERM) forbids it. Must not know who starts scripts.

use std::ffi::{CStr, CString, OsStr};
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::libc;
use nix::sys::stat::stat;
use nix::unistd::AccessFlags;

use crate::config::shebang;
use crate::s6_commands::call::{Argument, Call};
use crate::s6_commands::chain::{is_running, running};
use crate::s6_commands::container_environment;
use crate::s6_commands::envdir::ReadOptions;
use crate::s6_commands::environment::Environment;
use crate::s6_commands::table::COMMANDS;
use crate::sys::access;
use crate::sys::executable::Executable;
use crate::sys::files::xattr;

const NAME: &str = "with-contenv";
/// How much of a script every kernel reads for its first line: those before 5.1 no more than this (BINPRM_BUF_SIZE).
const HEAD: u64 = 128;
/// S_ISUID and S_ISGID.
const OTHER_IDS: u32 = 0o6000;

/// Looks up once what every child would look up: which file this program is.
pub fn prepare() {
    running();
}

/// Returns what is executed at last if this process executes `program`, a script that `with-contenv` interprets or
/// `with-contenv` itself, with these arguments and this environment. `None`: the script itself is executed, also if
/// this cannot be executed.
pub fn executable(program: &CStr, argv: &[CString], environment: &[CString]) -> Option<Executable> {
    let present = Environment::of(bytes(environment));
    let mut call = Call::new(NAME, arguments(program, argv)?, present, COMMANDS);
    let reading = ReadOptions { is_plain: true, ..ReadOptions::CONTAINER };
    if let Some(environment) = container_environment::replacing(&call.environment, reading).ok()? {
        call.environment = environment;
    }
    call.executable()
}

/// Returns the argument vector with which the kernel executes `with-contenv` for a program.
fn arguments(program: &CStr, argv: &[CString]) -> Option<Vec<Argument>> {
    let (called, rest) = argv.split_first()?;
    let path = OsStr::from_bytes(program.to_bytes());
    if is_named(OsStr::from_bytes(called.to_bytes())) {
        return is_plain_link(path).then(|| bytes(argv));
    }
    let interpreted = shebang::argv(&first_line(Path::new(path))?)?;
    let interpreter = interpreted.first()?;
    if !is_named(interpreter) || !is_plain_link(interpreter) {
        return None;
    }
    // Not by its mode alone: a mount may be noexec.
    access::check(Path::new(path), AccessFlags::X_OK).ok()?;
    let words = interpreted.into_iter().map(OsStringExt::into_vec);
    Some(words.chain([program.to_bytes().to_vec()]).chain(bytes(rest)).collect())
}

/// By the first word of its arguments this program knows which command it is.
fn is_named(word: &OsStr) -> bool {
    Path::new(word).file_name() == Some(OsStr::new(NAME))
}

/// Returns whether a file is this program, which this user may execute, and which gives no other rights.
fn is_plain_link(path: &OsStr) -> bool {
    let path = Path::new(path);
    stat(path).is_ok_and(|found| is_running(&found) && found.st_mode & OTHER_IDS == 0)
        && xattr::file_capabilities(path).is_none()
        && access::check(path, AccessFlags::X_OK).is_ok()
}

/// Returns the first line of a script. `None` also where kernels differ from each other, or from how we read it: it does not end
/// early, or contains blanks that are none to the kernel.
fn first_line(path: &Path) -> Option<Vec<u8>> {
    // A FIFO and a device are no scripts, and are not waited for.
    let script = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path).ok()?;
    if !script.metadata().ok()?.is_file() {
        return None;
    }
    let mut line = head(script)?;
    let end = line.iter().position(|byte| *byte == b'\n')?;
    line.truncate(end);
    let is_usual = line.iter().all(|byte| *byte == b'\t' || !byte.is_ascii_control());
    is_usual.then_some(line)
}

fn head(script: File) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(HEAD as usize);
    script.take(HEAD).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn bytes(words: &[CString]) -> Vec<Argument> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // files that the tests have created
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_line_that_kernels_read_differently_is_left_to_them() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run");
        let read = |text: &[u8]| {
            fs::write(&path, text).unwrap();
            first_line(&path).map(|line| String::from_utf8(line).unwrap())
        };
        assert_eq!(read(b"#!/usr/bin/with-contenv\tbash \nexit\n").as_deref(), Some("#!/usr/bin/with-contenv\tbash "));
        for unusual in [&b"#!/usr/bin/with-contenv bash\r\n"[..], b"#!/x\x0bbash\n", b"#!/x a\0b\n", b"#!/x", b""] {
            assert_eq!(read(unusual), None, "{unusual:?}");
        }
        let line = |length: usize| format!("#!/{}\n", "x".repeat(length - 4));
        assert_eq!(read(line(128).as_bytes()).map(|line| line.len()), Some(127));
        assert_eq!(read(line(129).as_bytes()), None);
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let place = tempfile::tempdir().unwrap();
        let fifo = place.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(
            [first_line(&fifo), first_line(place.path()), first_line(&place.path().join("none"))],
            [const { None }; 3]
        );
    }

    #[test]
    fn another_program_of_that_name_is_executed_itself() {
        let place = tempfile::tempdir().unwrap();
        let (link, copy) = (place.path().join("with-contenv"), place.path().join("copy/with-contenv"));
        fs::create_dir(place.path().join("copy")).unwrap();
        let own = fs::read_link("/proc/self/exe").unwrap();
        std::os::unix::fs::symlink(&own, &link).unwrap();
        fs::copy("/bin/true", &copy).unwrap();
        let c = |path: &Path| CString::new(path.as_os_str().as_bytes()).unwrap();
        let script = |interpreter: &Path| {
            let path = place.path().join("run");
            fs::write(&path, format!("#!{} sh -e \n", interpreter.display())).unwrap();
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
            arguments(&c(&path), &[c(Path::new("name")), c(Path::new("a b"))])
        };
        let words = [link.as_path(), Path::new("sh -e"), &place.path().join("run"), Path::new("a b")];
        let words = words.map(|word| word.as_os_str().as_bytes().to_vec()).to_vec();
        // Where the path is longer than a kernel reads, nobody knows.
        if link.as_os_str().len() < 100 {
            assert_eq!(script(&link), Some(words));
        }
        assert_eq!([script(&copy), script(&place.path().join("none/with-contenv"))], [None, None]);
        let itself = [c(&link), c(Path::new("sh"))];
        assert_eq!(arguments(&c(&link), &itself), Some(bytes(&itself)));
        assert_eq!(arguments(&c(&copy), &itself), None);
        assert_eq!(arguments(&c(&link), &[c(Path::new("other"))]), None);
    }
}
