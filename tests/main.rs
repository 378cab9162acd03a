//! All tests that are no unit tests and run something, in one program: what they share is compiled once, and one program is
//! linked. `architecture.rs`, which only reads the sources, is another.
//!
//! | modules | what is tested | needs |
//! |---|---|---|
//! | `documents` | the README, the book and the pages of `examples` | nothing; its sessions Docker |
//! | `config`, `import`, `plan` | texts in, values and messages out | nothing |
//! | `execline` | scripts in, words out | nothing |
//! | `lifecycle`, `properties` | the engine in simulated worlds | nothing |
//! | `cli` | the binary, called at a prompt | nothing |
//! | `own`, `files`, `log_*`, `probes` | what acts on the kernel, called as a library | root |
//! | `docker`, `docker_and_try`, `daemons` | real containers | a Docker daemon |
//! | `podman`, `runtimes` | other engines | podman, runc |
//! | all others | the binary as PID 1 of a namespace | root |
//!
//! `support` holds what they share. One of them alone: `cargo nextest run config::`. `tests/README.md` says more.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // tests and their helpers run programs, and fail where they cannot

mod blocking;
mod boot_calls;
mod boot_faults;
mod calendar;
mod cli;
mod config;
mod control;
mod daemons;
mod detached;
mod docker;
mod docker_and_try;
mod doctor;
mod documents;
mod execline;
mod faults;
mod files;
mod fixes;
mod flood;
mod hostile;
mod import;
mod init;
mod init_compat;
mod leftovers;
mod lifecycle;
mod log_files;
mod log_flow;
mod main_command;
mod main_signals;
mod notify;
mod other_users;
mod own;
mod pid1_filter;
mod plan;
mod podman;
mod probes;
mod programs;
mod properties;
mod random_kills;
mod rehearse;
mod reload;
mod running_calls;
mod runtimes;
mod s6_commands;
mod s6_container;
mod s6_contenv_scripts;
mod s6_control;
mod s6_held_back;
mod s6_overlay;
mod s6_reload;
mod s6_start;
mod s6_trees;
mod s6_version_two;
mod schema;
mod secrets;
mod service_features;
mod stress;
mod support;
mod trust;
mod try_missing_paths;
