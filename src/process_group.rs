//! A program with its children.

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;

/// The process group of a program that was started in one of its own. Killed when dropped, unless it was disarmed.
#[derive(Debug)]
pub(crate) struct ProcessGroup(Option<Pid>);

impl ProcessGroup {
    pub(crate) fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// Sends a signal to the program and what it has started.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // It fails when all of them have just ended.
            let _gone = kill_process_group(group, signal);
        }
    }

    /// Kills the program and what it has started; works on a stopped group too.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.disarm();
    }

    /// Leaves the program alone from now on.
    pub(crate) fn disarm(&mut self) {
        self.0 = None;
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.kill();
    }
}
