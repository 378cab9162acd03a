//! The control socket (DESIGN §6): what is said over it ([`protocol`]), asking ([`client`]), and answering as PID 1
//! ([`server`]).

pub mod client;
pub mod protocol;
pub mod server;
pub mod snapshot;
