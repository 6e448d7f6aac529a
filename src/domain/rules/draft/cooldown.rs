//! The cooldown of a device: its repeated conflicts raise no further alert for a time.

use super::Draft;
use crate::domain::{Device, Fingerprint, RecentConflict, rules::OnConflict};

/// The capacity of [`UserState::recent_conflicts`](crate::domain::UserState::recent_conflicts). If
/// it is full, the oldest entry is dropped, and that device may raise another alert before its
/// cooldown has passed.
const MAX_RECENT_CONFLICTS: usize = 16;

impl Draft<'_> {
    /// Whether this conflict raised an alert within the cooldown.
    pub(in super::super) fn was_alerted(&self, device: &Device, on_conflict: OnConflict) -> bool {
        let Some(fingerprint) = Fingerprint::of(device, on_conflict) else {
            return false;
        };
        let mut recent = self.next.recent_conflicts.iter();
        recent.any(|conflict| conflict.device == fingerprint && self.is_recent(conflict))
    }

    /// Records that this conflict is reported now, which starts the cooldown.
    pub(in super::super) fn record_alerted(&mut self, device: &Device, on_conflict: OnConflict) {
        let Some(fingerprint) = Fingerprint::of(device, on_conflict) else {
            return;
        };
        let mut recent = std::mem::take(&mut self.next.recent_conflicts);
        recent.retain(|conflict| conflict.device != fingerprint && self.is_recent(conflict));
        if recent.len() == MAX_RECENT_CONFLICTS {
            recent.remove(0);
        }
        recent.push(RecentConflict {
            device: fingerprint,
            at: self.now(),
        });
        self.next.recent_conflicts = recent;
    }

    /// A conflict in the future is not recent: the clock was set back, or the clock of another node
    /// is ahead. It must not silence an alert.
    fn is_recent(&self, conflict: &RecentConflict) -> bool {
        let cooldown_ends = conflict.at.plus(self.context.policy.alert_cooldown);
        (conflict.at..cooldown_ends).contains(&self.now())
    }
}
