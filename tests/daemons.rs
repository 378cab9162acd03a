//! Docker daemons that are set up in another way than the one that is here: one that remaps user ids, one that is a swarm.
//! Each is the test's own, with everything below a directory of its own and in namespaces of its own, and ends with it.
//!
//! Their network namespace has a loopback alone, and no bridge or overlay is made in it: containers share it, or have none.

mod daemon;
mod documents;
mod init;
mod remap;
mod swarm;
