//! Executing the next program of a chain, in this process or in a child: looked for in PATH as skalibs' exec_ae(3) does. A
//! command of ours that PATH does not have is run without a program file: an image may lack the links. Must not know what
//! programs do.

use std::ffi::CString;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{execve, pipe2, read, write};

use crate::s6_commands::call::{Argument, Call, Command, Outcome, print_error};
use crate::s6_commands::environment::Environment;
use crate::s6_commands::failure::Failure;
use crate::sys::chain::{self, Ended, fork_chain};

/// Where programs are looked for without a PATH, as skalibs has it.
const DEFAULT_PATH: &[u8] = b"/usr/bin:/bin";

impl Call {
    /// Executes the remaining arguments in this process; without any it ends with 0.
    ///
    /// # Errors
    /// The program cannot be executed.
    pub fn exec(self) -> Outcome {
        self.execute(&self.arguments, &self.environment)
    }

    /// Executes the remaining arguments with another environment; they are looked for in the present PATH.
    ///
    /// # Errors
    /// As above.
    pub fn exec_with(self, environment: &Environment) -> Outcome {
        self.execute(&self.arguments, environment)
    }

    /// Executes a vector.
    ///
    /// # Errors
    /// As above.
    pub fn execute(&self, argv: &[Argument], environment: &Environment) -> Outcome {
        let Some(program) = argv.first() else { return Ok(0) };
        self.execute_as(program, argv, environment)
    }

    /// The same with a first word that is not the program's name.
    ///
    /// # Errors
    /// As above.
    pub fn execute_as(&self, program: &[u8], argv: &[Argument], environment: &Environment) -> Outcome {
        let errno = self.try_execute(program, argv, environment);
        match self.in_process(program, errno) {
            Some(command) => Ok(run(command, argv.to_vec(), environment.clone(), self.commands)),
            None => Err(Failure::exec(program, errno)),
        }
    }

    /// Starts a vector in a child, which first does `before`; an empty one is a child that ends with 0.
    ///
    /// # Errors
    /// No process can be created, or the program cannot be executed in it.
    pub fn spawn(
        &self,
        argv: &[Argument],
        environment: &Environment,
        before: impl FnOnce() -> Result<(), Errno>,
    ) -> Result<i32, Errno> {
        let Some(program) = argv.first() else { return fork_chain(|| 0) };
        let (read_end, write_end) = pipe2(OFlag::O_CLOEXEC)?;
        let pid = fork_chain(|| {
            let errno = match before() {
                Ok(()) => self.try_execute(program, argv, environment),
                Err(errno) => errno,
            };
            match self.in_process(program, errno) {
                Some(command) => {
                    // Both ends close by themselves where a program is executed.
                    chain::close_fd(write_end.as_raw_fd());
                    run(command, argv.to_vec(), environment.clone(), self.commands)
                }
                None => {
                    let _told = write(&write_end, &(errno as i32).to_ne_bytes());
                    0
                }
            }
        })?;
        drop(write_end);
        let mut answer = [0; 4];
        match read_answer(&read_end, &mut answer) {
            4 => {
                let _gone = chain::wait(pid, true);
                Err(Errno::from_raw(i32::from_ne_bytes(answer)))
            }
            _ => Ok(pid),
        }
    }

    /// Returns the command of ours that takes the place of a program that was not found.
    fn in_process(&self, program: &[u8], errno: Errno) -> Option<&'static Command> {
        if errno == Errno::ENOENT { find(self.commands, std::str::from_utf8(program).ok()?) } else { None }
    }

    /// Executes a program; returns only if that fails.
    fn try_execute(&self, program: &[u8], argv: &[Argument], environment: &Environment) -> Errno {
        let strings = |arguments: &[Argument]| {
            arguments.iter().map(|word| CString::new(word.as_slice())).collect::<Result<Vec<_>, _>>()
        };
        let (Ok(argv), Ok(environment)) = (strings(argv), strings(environment.entries())) else { return Errno::EINVAL };
        let run = |file: Vec<u8>| match CString::new(file) {
            Ok(file) => execve(&file, &argv, &environment).err().unwrap_or(Errno::ENOEXEC),
            Err(_) => Errno::EINVAL,
        };
        if program.contains(&b'/') {
            return run(program.to_vec());
        }
        let mut told = Errno::ENOENT;
        let path = self.environment.get(b"PATH").unwrap_or(DEFAULT_PATH);
        for directory in path.split(|byte| *byte == b':').filter(|place| !place.is_empty()) {
            match run([directory, b"/", program].concat()) {
                Errno::ENOENT => {}
                errno @ (Errno::EACCES | Errno::EPERM | Errno::EISDIR | Errno::ENOTDIR) => told = errno,
                errno => return errno,
            }
        }
        told
    }
}

/// Returns the command of that name.
pub fn find(commands: &'static [Command], name: &str) -> Option<&'static Command> {
    commands.iter().find(|command| command.name == name)
}

/// Runs a command; returns its exit code if it executes no other program.
pub fn run(command: &Command, argv: Vec<Argument>, environment: Environment, commands: &'static [Command]) -> u8 {
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

fn read_answer(from: &OwnedFd, answer: &mut [u8; 4]) -> usize {
    loop {
        match read(from, answer) {
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
    match chain::wait(pid, true)? {
        Some((_, ended)) => Ok(ended),
        None => Err(Errno::ECHILD),
    }
}

/// Prints a message of a command that goes on or ends.
pub fn report(name: &str, failure: &Failure) {
    print_error(&format!("{}: {}\n", failure.by.unwrap_or(name), failure.text));
}
