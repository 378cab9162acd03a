//! Executing the next program of a chain, in this process or in a child: looked for in PATH as skalibs' exec_ae(3) does. A
//! command of ours is run as it is, without executing this program once more, if it only changes something and goes on; so is
//! one that PATH does not have: an image may lack the links. Must not know what programs do.

use std::ffi::OsStr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::OnceLock;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{FileStat, stat};
use nix::unistd::{pipe2, read, write};

use crate::s6_commands::call::{Argument, Call, CommandResult, HelperCommand, Lifetime, print_error};
use crate::s6_commands::environment::Environment;
use crate::s6_commands::failure::Failure;
use crate::sys::exec_chain::{self, Ended, fork_chain};
use crate::sys::executable::{ChildSetup, Executable};

/// Where programs are looked for without a PATH: as the originals of s6-overlay (its `mk/skaware.mk`).
const DEFAULT_PATH: &[u8] = b"/command:/usr/bin:/bin";

impl Call {
    /// Executes the remaining arguments in this process; without any it ends with 0.
    ///
    /// # Errors
    /// The program cannot be executed.
    pub fn exec(self) -> CommandResult {
        self.execute(&self.arguments, &self.environment)
    }

    /// Executes the remaining arguments with another environment; they are looked for in the present PATH.
    ///
    /// # Errors
    /// As above.
    pub fn exec_with(self, environment: &Environment) -> CommandResult {
        self.execute(&self.arguments, environment)
    }

    /// Executes a vector.
    ///
    /// # Errors
    /// As above.
    pub fn execute(&self, argv: &[Argument], environment: &Environment) -> CommandResult {
        let Some(program) = argv.first() else { return Ok(0) };
        self.execute_as(program, argv, environment)
    }

    /// The same with a first word that is not the program's name.
    ///
    /// # Errors
    /// As above.
    pub fn execute_as(&self, program: &[u8], argv: &[Argument], environment: &Environment) -> CommandResult {
        let command = match self.find(program) {
            Next::HelperCommand(command) => command,
            Next::Files(files) => match (execute(files, argv, environment), self.command(program)) {
                (Errno::ENOENT, Some(command)) => command,
                (errno, _) => return Err(Failure::exec(program, errno)),
            },
        };
        Ok(run(command, argv.to_vec(), environment.clone(), self.commands))
    }

    /// Returns the program that [`Self::exec`] would execute; `None` if there is none, or if it is a command of ours.
    pub fn executable(&self) -> Option<Executable> {
        match self.find(self.arguments.first()?) {
            Next::HelperCommand(_) => None,
            Next::Files(files) => Executable::new(files, &self.arguments, self.environment.entries()).ok(),
        }
    }

    /// Starts a vector in a child; an empty one is a child that ends with 0.
    ///
    /// # Errors
    /// No process can be created, or the program cannot be executed in it.
    pub fn spawn(&self, argv: &[Argument], environment: &Environment, setup: ChildSetup<'_>) -> Result<i32, Errno> {
        let Some(program) = argv.first() else { return fork_chain(|| 0) };
        let command = match self.find(program) {
            Next::HelperCommand(command) => command,
            Next::Files(files) => {
                let started = Executable::new(files, argv, environment.entries())?.start(setup);
                match (started, self.command(program)) {
                    (Err(Errno::ENOENT), Some(command)) => command,
                    (started, _) => return started,
                }
            }
        };
        self.fork(command, argv, environment, setup)
    }

    /// Runs a command in a child that is a copy of this process.
    fn fork(
        &self,
        command: &'static HelperCommand,
        argv: &[Argument],
        environment: &Environment,
        setup: ChildSetup<'_>,
    ) -> Result<i32, Errno> {
        let (read_end, write_end) = pipe2(OFlag::O_CLOEXEC)?;
        let reader = read_end.as_raw_fd();
        let pid = fork_chain(|| {
            exec_chain::close_fd(reader);
            if let Err(errno) = setup.apply() {
                let _reported = write(&write_end, &(errno as i32).to_ne_bytes());
                return 0;
            }
            exec_chain::close_fd(write_end.as_raw_fd());
            run(command, argv.to_vec(), environment.clone(), self.commands)
        })?;
        drop(write_end);
        let mut report = [0; 4];
        match read_report(&read_end, &mut report) {
            4 => {
                let _gone = exec_chain::wait(pid, true);
                Err(Errno::from_raw(i32::from_ne_bytes(report)))
            }
            _ => Ok(pid),
        }
    }

    /// Returns what executing this program means.
    fn find(&self, program: &[u8]) -> Next {
        if program.contains(&b'/') {
            let name = Path::new(OsStr::from_bytes(program)).file_name().unwrap_or_default();
            return match self.command(name.as_bytes()).filter(|command| command.lifetime == Lifetime::Short) {
                Some(command) if is_this_program(program) == Some(true) => Next::HelperCommand(command),
                Some(_) | None => Next::Files(vec![program.to_vec()]),
            };
        }
        let path = self.environment.get(b"PATH").unwrap_or(DEFAULT_PATH);
        let places = path.split(|byte| *byte == b':').filter(|place| !place.is_empty());
        let files: Vec<Argument> = places.map(|place| [place, b"/", program].concat()).collect();
        if let Some(command) = self.command(program).filter(|command| command.lifetime == Lifetime::Short)
            && files.iter().find_map(|file| is_this_program(file)) == Some(true)
        {
            return Next::HelperCommand(command);
        }
        Next::Files(files)
    }

    fn command(&self, name: &[u8]) -> Option<&'static HelperCommand> {
        find(self.commands, std::str::from_utf8(name).ok()?)
    }
}

/// What a program of a chain is.
enum Next {
    /// A command of ours.
    HelperCommand(&'static HelperCommand),
    /// The first of these files that can be executed.
    Files(Vec<Argument>),
}

/// Executes the first of these files that can be; returns only if none can.
fn execute(files: Vec<Argument>, argv: &[Argument], environment: &Environment) -> Errno {
    match Executable::new(files, argv, environment.entries()) {
        Ok(executable) => executable.execute(),
        Err(errno) => errno,
    }
}

/// Returns whether a file is the program that runs; `None` if there is no such file.
pub(super) fn is_this_program(file: &[u8]) -> Option<bool> {
    match stat(OsStr::from_bytes(file)) {
        Ok(found) => Some(is_running(&found)),
        Err(Errno::ENOENT) => None,
        // It is executed, and fails as it must.
        Err(_) => Some(false),
    }
}

/// Returns whether this is the file of the program that runs.
pub(super) fn is_running(file: &FileStat) -> bool {
    running() == Some((file.st_dev, file.st_ino))
}

/// Returns device and inode of the program that runs, if they can be known. They are read once: a forked child knows what its
/// parent knew.
pub(super) fn running() -> Option<(u64, u64)> {
    static RUNNING: OnceLock<Option<(u64, u64)>> = OnceLock::new();
    *RUNNING.get_or_init(|| stat("/proc/self/exe").map(|found| (found.st_dev, found.st_ino)).ok())
}

/// Returns the command of that name.
pub fn find(commands: &'static [HelperCommand], name: &str) -> Option<&'static HelperCommand> {
    commands.iter().find(|command| command.name == name)
}

/// Runs a command; returns its exit code if it executes no other program.
pub fn run(
    command: &HelperCommand,
    argv: Vec<Argument>,
    environment: Environment,
    commands: &'static [HelperCommand],
) -> u8 {
    let name = match command.name {
        // The originals print these two so.
        "cd" => "execline-cd",
        "umask" => "execline-umask",
        name => name,
    };
    match (command.run)(Call::new(name, argv, environment, commands)) {
        Ok(code) => code,
        Err(failure) => {
            report(name, &failure);
            failure.code
        }
    }
}

fn read_report(from: &OwnedFd, report: &mut [u8; 4]) -> usize {
    loop {
        match read(from, report) {
            Err(Errno::EINTR) => {}
            Ok(length) => return length,
            Err(_) => return 0,
        }
    }
}

/// Waits for a child of this process.
///
/// # Errors
/// There is no such child.
pub fn wait_for(pid: i32) -> Result<Ended, Errno> {
    match exec_chain::wait(pid, true)? {
        Some((_, ended)) => Ok(ended),
        None => Err(Errno::ECHILD),
    }
}

/// Prints a message of a command that goes on or ends.
pub fn report(name: &str, failure: &Failure) {
    print_error(&format!("{}: {}\n", failure.by.unwrap_or(name), failure.text));
}
