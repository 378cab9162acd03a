//! What services and we ourselves say. A slow reader slows the writers, never PID 1 (DESIGN §5).
//!
//! - [`logs`]: every service's pipes, and where its lines go; what the loop turns.
//! - [`pipe_group`]: pipes that lead to the same place, watched together.
//! - [`source`]: one service's lines on their way. [`split`]: bytes → lines. [`lines`], [`json`]: lines → formats. [`store`]: lines → files that rotate.
//! - [`files`]: lines on their way to [`writer`], the process that has the files.
//! - [`ring`]: the last lines of a service, and those who follow it.
//! - [`sink`]: the container's outputs, written without ever waiting. [`own_messages`]: our own messages.
//! - [`clock`]: time as people read it.

pub mod clock;
mod ending;
pub mod files;
pub mod json;
pub mod lines;
pub mod logs;
pub mod own_messages;
pub mod pipe_group;
pub mod ring;
pub mod sink;
pub mod source;
pub mod split;
pub mod store;
pub mod writer;
