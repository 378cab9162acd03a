//! The control socket (DESIGN §6): requests ([`protocol`]), responses ([`responses`]), the client ([`client`]), where it looks
//! ([`locate`]), and the
//! parts of the server: connections and credentials ([`server`]), services by name ([`service_index`]), when a waiting
//! request is answered ([`wait_condition`]), and the contents of responses ([`snapshot`], [`timings`], [`event_history`],
//! [`metrics`]).

pub mod client;
pub mod directory_lock;
pub mod doctor;
pub mod event_history;
pub mod events;
pub mod health;
pub mod locate;
pub mod metrics;
pub mod millis;
pub mod protocol;
pub mod reason;
pub mod responses;
pub mod runtime_dir;
pub mod server;
pub mod service_index;
pub mod service_state;
pub mod snapshot;
mod state_name;
pub mod timings;
pub mod wait_condition;
