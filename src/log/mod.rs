//! The output of services, and our own messages. A slow reader slows the writers, never PID 1 (DESIGN §5).
//!
//! - [`logs`]: every service's pipes and log routes; called by the event loop.
//! - [`pipe_group`]: pipes with the same output, in one epoll set.
//! - [`service_log`]: the log of one service. [`split`]: bytes → lines. [`lines`], [`json`]: lines → formats. [`store`]: lines →
//!   files that rotate.
//! - [`files`]: lines waiting for [`writer`], the process that writes the files of a service.
//! - [`tail`]: the last lines of a service. `kept_lines`: those of several, merged. [`followers`]: clients that get each new item.
//! - [`sink`]: the container's outputs, written without ever waiting. [`own_messages`]: our own messages.
//! - `finish`: draining at the end. [`clock`]: wall-clock time.

pub mod clock;
pub mod files;
mod finish;
pub mod followers;
pub mod json;
mod kept_lines;
pub mod lines;
pub mod logs;
pub mod own_messages;
pub mod pipe_group;
pub mod service_log;
pub mod sink;
pub mod split;
pub mod store;
pub mod tail;
mod words;
pub mod writer;
mod writer_report;
