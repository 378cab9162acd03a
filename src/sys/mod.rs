//! The kernel, wrapped: files, processes, privilege, signals, descriptors, and most `unsafe` code. Decides nothing that the
//! pure rooms can decide; speaks in their plain values (`supervise::Pid`, `plan::Credentials`).

pub mod access;
pub mod arguments;
pub mod descriptors;
pub mod dev_null;
mod effective_user;
pub mod exec_chain;
pub mod exec_failure;
pub mod executable;
pub mod file_user;
pub mod files;
pub mod fnmatch;
pub mod heap;
pub mod host;
pub mod id_map;
pub mod instance;
pub mod interpreter;
pub mod lazy_epoll;
pub mod own_status;
pub mod plain_init;
pub mod privilege;
pub mod process;
pub mod program_pages;
pub mod read_file;
pub mod regex;
pub mod signals;
pub mod stdio_at_start;
