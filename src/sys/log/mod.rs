//! The container's output: services' lines tagged ([`lines`]), our own messages ([`ours`]), and descriptors that are
//! written without ever waiting ([`sink`]). A slow reader slows the writers, never PID 1 (DESIGN §5).

pub mod lines;
pub mod ours;
pub mod pump;
pub mod sink;
