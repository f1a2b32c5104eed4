//! Which versions of each notice a person may be shown now: consent under any other is not recorded.

use std::collections::BTreeMap;

use crate::event::{Event, NoticePublished};
use crate::id::NoticeId;
use crate::notice::Notice;

/// The notices that were ever published, with the versions that are good. Of all others every version is.
#[derive(Debug, Clone, Default)]
pub(crate) struct CurrentNotices(BTreeMap<NoticeId, Vec<Notice>>);

impl CurrentNotices {
    pub(crate) fn fold(&mut self, event: &Event) {
        if let Event::NoticePublished(published) = event {
            self.publish(published);
        }
    }

    fn publish(&mut self, published: &NoticePublished) {
        let version = Notice::new(published.version.clone(), published.sha256)
            .named(published.notice.clone());
        let good = self.0.entry(published.notice.clone()).or_default();
        if published.requires_renewal {
            good.clear();
        }
        if !good.contains(&version) {
            good.push(version);
        }
    }

    /// Whether consent may be given under this notice.
    pub(crate) fn accept(&self, notice: &Notice) -> bool {
        let published = notice.id().and_then(|id| self.0.get(id));
        published.is_none_or(|good| good.contains(notice))
    }
}
