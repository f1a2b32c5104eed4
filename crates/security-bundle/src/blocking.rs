//! Waiting for a future without a runtime. What it waits for must come from another thread.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

/// Blocks the thread until the future is done.
pub(crate) fn wait_for<F: Future>(future: F) -> F::Output {
    // On a worker of Tokio's, a future that has used up the turn of the task around it would stay pending until that task returns.
    #[cfg(feature = "control")]
    let future = tokio::task::unconstrained(future);
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
