//! Commands that wait for somebody's answer.

use std::future::Future;

use super::failure::Failure;

/// Does `work` on this thread.
///
/// # Errors
///
/// The system has nothing left to wait with.
pub(super) fn wait_for<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Message(format!("cannot start: {error}")))?;
    Ok(runtime.block_on(work))
}
