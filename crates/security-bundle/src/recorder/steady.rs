//! Any recorder, whose panics are failures: whoever records is not one of the gates, and must not bring them down.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use audit_trail::Entry;

use super::{RecordError, Recorded, Recorder};

pub(crate) struct Steady(pub(crate) Arc<dyn Recorder>);

fn panicked() -> RecordError {
    RecordError("the recorder panicked".into())
}

#[async_trait]
impl Recorder for Steady {
    fn record(&self, entry: Entry<'_>) -> Result<Recorded, RecordError> {
        catch_unwind(AssertUnwindSafe(|| self.0.record(entry))).unwrap_or_else(|_| Err(panicked()))
    }

    async fn acknowledged(&self, entry: &Recorded) -> Result<(), RecordError> {
        let mut waiting = self.0.acknowledged(entry);
        poll_fn(|context| {
            catch_unwind(AssertUnwindSafe(|| waiting.as_mut().poll(context)))
                .unwrap_or_else(|_| Poll::Ready(Err(panicked())))
        })
        .await
    }

    fn wait(&self, entry: &Recorded) -> Result<(), RecordError> {
        catch_unwind(AssertUnwindSafe(|| self.0.wait(entry))).unwrap_or_else(|_| Err(panicked()))
    }

    fn backlog(&self) -> Option<u64> {
        catch_unwind(AssertUnwindSafe(|| self.0.backlog())).unwrap_or_default()
    }
}
