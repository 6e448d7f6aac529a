//! What a transition remembers of logins: denials and their pauses, shown numbers, and devices.

use std::time::Duration;

use super::Draft;
use crate::domain::{
    Denials, Device, DeviceHash, MAX_RECENT_CHOICES, Newness, NumberMatch, RecentChoices,
    Timestamp, Window,
    login_history::CHOICES_REST,
    rules::{NewIds, TooManyAlerts},
};

/// The maximum number of times in one approval timeout that a login of another device ends the
/// waiting one. Without it, whoever knows the password could keep every login from being answered.
const MAX_SUPERSESSIONS: u32 = 2;

impl Draft<'_> {
    /// The time until logins may ask again, if a denial has started a pause.
    pub(in super::super) fn pause(&self) -> Option<Duration> {
        let ends_at = self.next.history.denials?.pause_ends_at()?;
        (self.now() < ends_at).then(|| ends_at.since(self.now()))
    }

    /// Counts the denial of a login, which starts a pause.
    pub(in super::super) fn count_denial(&mut self) {
        let denials = &mut self.next.history.denials;
        *denials = Some(Denials::denied(*denials, self.context.now));
    }

    /// Counts a login that nobody answered before its timeout, or another login's, at `at`.
    pub(in super::super) fn count_unanswered(&mut self, at: Timestamp) {
        let denials = &mut self.next.history.denials;
        *denials = Some(Denials::unanswered(*denials, at));
    }

    /// Forgets the denials, because a login was approved.
    pub(super) fn forget_denials(&mut self) {
        self.next.history.denials = None;
    }

    /// Counts a login that ends the waiting one of another device.
    ///
    /// # Errors
    /// The time until a login may end another one again.
    pub(in super::super) fn count_supersession(&mut self) -> Result<(), Duration> {
        let (length, now) = (self.context.policy.approval_timeout, self.now());
        let previous = self.next.history.supersessions;
        if let Some(window) = previous
            && let Some(remaining) = window.remaining(length, now)
            && window.count >= MAX_SUPERSESSIONS
        {
            return Err(remaining);
        }
        self.next.history.supersessions = Some(Window::counted(previous, length, now));
        Ok(())
    }

    /// Draws the numbers of a new attempt. They share none with the attempts of the last minutes, so
    /// that nobody approves a login with a number that another device showed. `None` if number
    /// matching is off.
    ///
    /// # Errors
    /// [`TooManyAlerts`] if too many attempts have used up the numbers.
    pub(in super::super) fn draw_numbers(
        &mut self,
        new_ids: &NewIds,
    ) -> Result<Option<NumberMatch>, TooManyAlerts> {
        if !self.context.policy.match_numbers {
            return Ok(None);
        }
        let now = self.now();
        let recent = &mut self.next.history.recent_choices;
        recent.retain(|recent| now < recent.at.plus(CHOICES_REST));
        let is_taken = |number| recent.iter().any(|recent| recent.choices.contains(&number));
        let drawn = match recent.first() {
            Some(oldest) if recent.len() >= MAX_RECENT_CHOICES => Err(oldest.at),
            _ => NumberMatch::draw(new_ids.match_seed, is_taken).ok_or(now),
        };
        let matching = drawn.map_err(|since| TooManyAlerts {
            retry_after: since.plus(CHOICES_REST).since(now),
        })?;
        recent.push(RecentChoices {
            at: now,
            choices: matching.choices(),
        });
        Ok(Some(matching))
    }

    /// Remembers a device whose active session ends.
    pub(super) fn remember_device(&mut self, device: &Device) {
        if let Some(id) = &device.id {
            self.next.history.remember(DeviceHash::of(id));
        }
    }

    /// What is new about a login of this device. `place` is decided by the calling code.
    pub(in super::super) fn newness(&self, device: &Device, place: Option<bool>) -> Newness {
        let is_new = |hash: DeviceHash| {
            let holder = self.active().and_then(|active| active.device.id.as_ref());
            holder.is_none_or(|id| DeviceHash::of(id) != hash)
                && !self.next.history.devices.contains(&hash)
        };
        Newness {
            device: device.id.as_ref().map(DeviceHash::of).map(is_new),
            place,
        }
    }
}
