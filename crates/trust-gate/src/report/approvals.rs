//! What has become of the approvals that were asked for: counted from the history, which keeps all of them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::act::Act;
use crate::approval::{ApprovalId, ApprovalState};
use crate::event::Event;
use crate::moment::Moment;

/// How many approvals are in which state now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each counts the state of the same name")]
pub struct ApprovalCounts {
    pub pending: usize,
    pub approved: usize,
    pub denied: usize,
    pub expired: usize,
    pub cancelled: usize,
    pub consumed: usize,
}

/// How far one has come.
struct Course {
    /// How many operators have yet to agree.
    missing: u8,
    expires_at: Moment,
    end: Option<ApprovalState>,
}

impl ApprovalCounts {
    /// Those that were asked for in the window, as all of the history leaves them at a moment.
    pub(super) fn of(events: &[Event], in_window: impl Fn(&&Event) -> bool, at: Moment) -> Self {
        let mut courses: BTreeMap<ApprovalId, Course> = BTreeMap::new();
        for event in events {
            match &event.act {
                Act::RequestApproval {
                    approvers,
                    expires_at,
                    ..
                } if in_window(&event) => {
                    let course = Course {
                        missing: approvers.get(),
                        expires_at: (*expires_at).into(),
                        end: None,
                    };
                    courses.insert(ApprovalId(event.revision), course);
                }
                Act::Approve { approval, .. } => {
                    if let Some(course) = courses.get_mut(approval) {
                        course.missing = course.missing.saturating_sub(1);
                    }
                }
                Act::DenyApproval { approval, .. } => {
                    end(&mut courses, *approval, ApprovalState::Denied);
                }
                Act::CancelApproval { approval, .. } => {
                    end(&mut courses, *approval, ApprovalState::Cancelled);
                }
                Act::ConsumeApproval { approval, .. } => {
                    end(&mut courses, *approval, ApprovalState::Consumed);
                }
                _ => {}
            }
        }
        let mut counts = Self::default();
        for course in courses.values() {
            let count = counts.of_state(course.state_at(at));
            *count = count.saturating_add(1);
        }
        counts
    }

    /// Each state with its count, in the order of an approval's course.
    #[must_use]
    pub const fn by_state(&self) -> [(ApprovalState, usize); 6] {
        [
            (ApprovalState::Pending, self.pending),
            (ApprovalState::Approved, self.approved),
            (ApprovalState::Denied, self.denied),
            (ApprovalState::Expired, self.expired),
            (ApprovalState::Cancelled, self.cancelled),
            (ApprovalState::Consumed, self.consumed),
        ]
    }

    const fn of_state(&mut self, state: ApprovalState) -> &mut usize {
        match state {
            ApprovalState::Pending => &mut self.pending,
            ApprovalState::Approved => &mut self.approved,
            ApprovalState::Denied => &mut self.denied,
            ApprovalState::Expired => &mut self.expired,
            ApprovalState::Cancelled => &mut self.cancelled,
            ApprovalState::Consumed => &mut self.consumed,
        }
    }
}

impl Course {
    fn state_at(&self, at: Moment) -> ApprovalState {
        match self.end {
            Some(end) => end,
            None if at >= self.expires_at => ApprovalState::Expired,
            None if self.missing == 0 => ApprovalState::Approved,
            None => ApprovalState::Pending,
        }
    }
}

fn end(courses: &mut BTreeMap<ApprovalId, Course>, approval: ApprovalId, state: ApprovalState) {
    if let Some(course) = courses.get_mut(&approval) {
        course.end = Some(state);
    }
}
