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
//! # Rooms
//! Imports run downwards only; `tests/architecture.rs` checks it.
//!
//! | floor | room | knows | must not know |
//! |---|---|---|---|
//! | 10 | [`cli`] | verbs, their arguments, how they print | how a container lives |
//! | 9 | [`run`] | the life of PID 1: event loop, processes, probes, notification, reload, the end | what a state transition is |
//! | 8 | [`boot`] | how each step of the plan is carried out | whether a step is needed |
//! | 8 | [`rehearse`] | `stepdown try`: a container made of namespaces | what is started inside |
//! | 8 | [`s6_commands`] | the commands of s6, execline and s6-overlay, called by their names | how a container is run |
//! | 7 | [`control`] | the control socket: protocol, server, client | what a request does to a service |
//! | 7 | [`run_as`] | becoming another user for one command | configuration files |
//! | 6 | [`inspect`] | how facts, sources and `doctor`'s observations are read | what follows from them |
//! | 6 | [`log`] | from a service's pipe to the output and to files | when services run |
//! | 5 | [`sys`] | the kernel: files by handle, processes, privilege, signals; most `unsafe` code | what any of it is used for |
//! | 3 | [`mod@plan`] | what a boot will do, as values. Pure | how it is done, or where facts come from |
//! | 3 | [`supervise`] | what happens next to each service. Pure, with a number for a clock | processes, files, users |
//! | 2 | [`execline`] | the execline language: scripts and substitutions to argument vectors. Pure | which programs there are |
//! | 2 | [`config`] | what was asked for. Pure: bytes in, values or problems out | the machine |
//! | 1 | [`error`] | problems with place and fix, refusals, exit codes | what they are about |
//! | 0 | [`text`] | how the text of others is made safe to print | every other room |

pub mod boot;
pub mod cli;
pub mod config;
pub mod control;
pub mod error;
pub mod execline;
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
