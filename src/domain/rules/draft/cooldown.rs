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
        // A conflict in the future must not silence an alert: the clock was set back, or the clock of
        // another node is ahead.
        let mut recent = self.next.recent_conflicts.iter();
        recent.any(|conflict| {
            conflict.device == fingerprint && conflict.at <= self.now() && !self.is_over(conflict)
        })
    }

    /// Records that this conflict is reported now, which starts the cooldown.
    pub(in super::super) fn record_alerted(&mut self, device: &Device, on_conflict: OnConflict) {
        let Some(fingerprint) = Fingerprint::of(device, on_conflict) else {
            return;
        };
        let mut recent = std::mem::take(&mut self.next.recent_conflicts);
        // A conflict in the future stays: the clock of another node may be a little ahead. Those
        // further ahead were removed before.
        recent.retain(|conflict| conflict.device != fingerprint && !self.is_over(conflict));
        if recent.len() == MAX_RECENT_CONFLICTS {
            recent.remove(0);
        }
        recent.push(RecentConflict {
            device: fingerprint,
            at: self.now(),
        });
        self.next.recent_conflicts = recent;
    }

    /// Whether the cooldown of this conflict has passed.
    fn is_over(&self, conflict: &RecentConflict) -> bool {
        conflict.at.plus(self.context.policy.alert_cooldown) <= self.now()
    }
}
