//! `stepdown`: the first process of a container.
//!
//! # The life of a container
//! 1. [`cli`] recognises `init` without building a parser and calls [`run::init`].
//! 2. [`sys::signals`] installs handlers before anything else: PID 1 has no default dispositions.
//! 3. [`inspect`] reads facts about the machine, the configuration files and the environment.
//! 4. [`config`] turns them into one [`config::Config`], or into every problem at once (exit 100).
//! 5. [`mod@plan`] computes a [`plan::BootPlan`]: steps to do, steps to skip with cause and fix, identity, privilege to keep.
//! 6. [`boot`] carries out the steps as root: accounts, directories, ownership, the runtime directory, stdio.
//! 7. [`run::boot_context`] runs the *prepare* oneshots with the engine of step 9, then [`sys::privilege`] drops
//!    privileges and verifies that they are gone.
//! 8. [`run`] starts the event loop: it turns exits, signals, readiness, probes and callers into [`supervise::Event`]s.
//! 9. [`supervise`] answers each event with [`supervise::Action`]s and one deadline; [`run`] carries them out.
//! 10. After the stop, [`run`] ends what is left, prints why the container ended, and returns its exit code.
//!
//! The engine runs twice, each time in an event loop of its own: once for the *prepare* oneshots, as root, and once for the
//! services, after the drop.
//!
//! # Rooms
//! A room is a module of the table below, a floor the layer on which it lies. Imports run downwards only;
//! `tests/architecture.rs` checks it, and that this table has its floors. [`sys`] lies above [`mod@plan`] and [`supervise`]
//! because it speaks in their plain values ([`supervise::Pid`], [`supervise::Exit`], [`plan::Credentials`]): the pure rooms
//! define what a process is and whose it is, and name no system call.
//!
//! | floor | room | knows | must not know |
//! |---|---|---|---|
//! | 9 | [`cli`] | verbs, their arguments, how they print | how a container lives |
//! | 8 | [`run`] | the life of PID 1: event loop, processes, probes, notification, reload, the end | what a state transition is |
//! | 7 | [`boot`] | how each step of the plan is carried out | whether a step is needed |
//! | 7 | [`rehearse`] | `stepdown try`: a container made of namespaces | what is started inside |
//! | 7 | [`s6_commands`] | the commands of s6, execline and s6-overlay, called by their names | how a container is run |
//! | 6 | [`control`] | the control socket: protocol, server, client | what a request does to a service |
//! | 6 | [`run_as`] | becoming another user for one command | configuration files |
//! | 5 | [`inspect`] | how facts, sources and `doctor`'s observations are read | what follows from them |
//! | 5 | [`log`] | from a service's pipe to the output and to files | when services run |
//! | 4 | [`sys`] | the kernel: files by handle, processes, privilege, signals; most `unsafe` code | what any of it is used for |
//! | 3 | [`import`] | services of other supervisors as texts of our own files. Pure | where those lie, who reads them |
//! | 3 | [`mod@plan`] | what a boot will do, as values. Pure | how it is done, or where facts come from |
//! | 3 | [`supervise`] | what happens next to each service. Pure, with a number for a clock | processes, files, users |
//! | 2 | [`config`] | what was asked for. Pure: bytes in, values or problems out | the machine |
//! | 1 | [`execline`] | the execline language: scripts and substitutions to argument vectors. Pure | which programs there are |
//! | 1 | [`error`] | problems with place and fix, refusals, exit codes | what they are about |
//! | 0 | [`text`] | how the text of others is made safe to print | every other room |
//!
//! # Processes and threads
//! PID 1 has one thread whenever it forks or changes its ids: capabilities are per thread, and a fork copies only one. Threads
//! exist in two places: the walks of `[[own]]` (`boot/own/threads.rs`), over before the next step, and the tests.
//!
//! | process | forked by | why it is not PID 1 itself |
//! |---|---|---|
//! | a service, its finish script, its commands | `sys/process/spawn.rs` | it executes a program |
//! | log writer | `log/writer.rs` | a disk that hangs blocks only one service's lines |
//! | configuration reader | `run/config_reader.rs` | a reload reads files that may hang |
//! | probe | `run/probe/child.rs` | it has the service's identity, and may hang |
//! | access test of `[[own]]` | `boot/own/usable.rs` | access(2) as the app user |
//! | access test of `doctor` | `inspect/doctor/access_as_user.rs` | forked by the client, not by PID 1: the same as any user |
//! | guard and minimal init of `try` | `rehearse/guard.rs` | PID 1 of the outer PID namespace, which ends everything below |
//! | program of a helper command | `sys/exec_chain.rs` | forked by the helper command: `foreground`, `if`, `backtick` |
//! | the one child of a replaced init | `sys/plain_init` | stepdown under the name of tini, dumb-init or catatonit |
//!
//! # Where is …
//! - **`doctor`**: [`plan::checks`] decides, `plan/show/diagnosis.rs` words it, `inspect/doctor` observes as the client,
//!   `run/control_handler/doctor.rs` answers for PID 1, `control/doctor.rs` makes checks of its values, `cli/doctor.rs` prints.
//! - **s6**: `config/s6` reads definitions and `config/s6_overlay.rs` the variables; `inspect/source` finds the files,
//!   `inspect/facts/s6_places.rs` the places; `plan/steps/s6_layout.rs` and `boot/s6_layout` create what scripts look for in
//!   `/run`; [`s6_commands`] are the programs that scripts call, [`execline`] their language.
//! - **a replaced tini, dumb-init or catatonit**: `cli/init_emulation.rs` and `cli/init_emulation_texts.rs` speak as they do,
//!   `sys/plain_init` is the init.
//! - **readiness, notification**: `config/probe.rs` and `config/service.rs` say what was declared, `supervise/probes.rs` when to
//!   probe, `run/probe` and `run/notify` how.
//! - **the end of the container**: `supervise/shutdown.rs` and `supervise/exit_code.rs` decide, `run/teardown.rs` and
//!   `run/kill_remaining.rs` act, `run/exit_report.rs` reports.

pub mod boot;
pub mod cli;
pub mod config;
pub mod control;
pub mod error;
pub mod execline;
pub mod import;
pub mod inspect;
pub mod log;
pub mod plan;
pub mod rehearse;
pub mod run;
pub mod run_as;
pub mod s6_commands;
pub mod supervise;
pub mod sys;
pub mod text;
