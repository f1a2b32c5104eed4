//! Ctrl-C and its like, as a wish to end: what runs until then has done its work when it comes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::failure::Failure;

/// Becomes `true` when the process is asked to end.
pub(super) fn flag() -> Result<Arc<AtomicBool>, Failure> {
    let asked = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    // Before this returns, so that it cannot come too early to be heard.
    let signal = {
        let _inside = runtime.enter();
        signal()?
    };
    let set = Arc::clone(&asked);
    thread::Builder::new()
        .name("interrupt".into())
        .spawn(move || {
            runtime.block_on(signal);
            set.store(true, Ordering::SeqCst);
        })?;
    Ok(asked)
}

/// Ends when the process is asked to end. Call it within a runtime; it listens from then on.
#[cfg(unix)]
pub(super) fn signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
        }
    })
}

#[cfg(windows)]
pub(super) fn signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        let _asked = interrupt.recv().await;
    })
}
