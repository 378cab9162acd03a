//! The control socket (DESIGN §6): what is asked over it ([`protocol`]) and answered ([`answers`]), asking ([`client`]),
//! and answering as PID 1: who is let in ([`server`]), whom a request means ([`service_index`]), when it is fulfilled ([`wait_condition`]),
//! and what is told ([`snapshot`], [`timings`], [`secret`]).

pub mod answers;
pub mod client;
pub mod protocol;
pub mod runtime_dir;
pub mod secret;
pub mod server;
pub mod service_index;
pub mod snapshot;
mod state_word;
pub mod timings;
pub mod wait_condition;
