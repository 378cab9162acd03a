//! Processes of this machine beside the containers' own: what shares their PID namespace must be left alone.

use std::process::{Child, Command, Stdio};

/// A process of the host, as some user; gone when dropped.
pub struct Bystander(Child);

impl Bystander {
    /// Starts one that does nothing.
    pub fn of(uid: u32, gid: u32) -> Self {
        let ids = [format!("--reuid={uid}"), format!("--regid={gid}")];
        let child =
            Command::new("setpriv").args(ids).args(["--clear-groups", "sleep", "600"]).stdin(Stdio::null()).spawn();
        Self(child.expect("setpriv(1) is in every Debian"))
    }

    /// Returns whether it still lives.
    pub fn lives(mut self) -> bool {
        self.0.try_wait().expect("it is our child").is_none()
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}
