//! The limit on take-overs: two devices must not take the session from each other again and again.
//!
//! The *incumbent* is the device that had the session before the fight began. It may always take
//! its session back, and this ends the fight: the session that it opens was not opened by a
//! take-over, so it may decide at once, and so may a session that follows it. The service ends the
//! fight too, if it logs in another device than the one that has the session. Whoever else has the
//! password must not become the incumbent by waiting for the end of a window, or by logging out and
//! in again.

use std::time::Duration;

use super::Draft;
use crate::domain::{Device, DeviceHash, SessionKey, TakeOvers, TakenSession, Window};

impl Draft<'_> {
    /// Counts a take-over by a device that opens the session `opened`. That of the incumbent is not
    /// counted, also after the window. The incumbent is the device that had the session before the
    /// first take-over of the window, unless a take-over opened that session too: then the incumbent
    /// of the earlier window stays.
    ///
    /// # Errors
    /// The time until the next take-over, if the limit is reached.
    pub(in super::super) fn count_take_over(
        &mut self,
        device: &Device,
        opened: SessionKey,
    ) -> Result<(), Duration> {
        let (limit, now) = (self.context.policy.take_over_limit, self.now());
        let previous = self.next.history.take_overs;
        let running = previous.and_then(|take_overs| {
            let remaining = take_overs.window.remaining(limit.window, now)?;
            Some((take_overs, remaining))
        });
        let goes_on = |opened: TakenSession| self.is_active(opened.key);
        let fight = previous
            .filter(|take_overs| running.is_some() || take_overs.opened.is_some_and(goes_on));
        let device = hash_of(device);
        if device.is_some() && fight.is_some_and(|fight| fight.incumbent == device) {
            self.end_fight();
            return Ok(());
        }
        if let Some((take_overs, remaining)) = running
            && take_overs.window.count >= limit.count.get()
        {
            return Err(remaining);
        }
        let incumbent = match fight {
            Some(fight) => fight.incumbent,
            None => self.active().and_then(|active| hash_of(&active.device)),
        };
        let window = previous.map(|take_overs| take_overs.window);
        self.next.history.take_overs = Some(TakeOvers {
            window: Window::counted(window, limit.window, now),
            incumbent,
            opened: Some(TakenSession {
                key: opened,
                taken_at: now,
            }),
        });
        Ok(())
    }

    /// Records that the fight is over: the session that becomes active was not opened by a
    /// take-over, and neither is one that follows its logout. The take-overs of the window stay
    /// counted.
    pub(in super::super) fn end_fight(&mut self) {
        if let Some(take_overs) = &mut self.next.history.take_overs {
            take_overs.opened = None;
        }
    }

    /// Records that a device has replaced its own session, or has approved the login of another
    /// one. If a take-over opened that session, the new one counts as opened by the same take-over,
    /// so that the time for which it may not decide is not extended.
    pub(in super::super) fn follow_take_over(&mut self, replaced: SessionKey, by: SessionKey) {
        if let Some(take_overs) = &mut self.next.history.take_overs
            && let Some(opened) = &mut take_overs.opened
            && opened.key == replaced
        {
            opened.key = by;
        }
    }

    /// Records that a device has logged in while no session was active. The session that a
    /// take-over opened may have been logged out for this purpose, so the new one counts as opened
    /// by that take-over for a time. The incumbent ends the fight.
    pub(in super::super) fn follow_logout(&mut self, device: &Device, opened: SessionKey) {
        let Some(take_overs) = self.next.history.take_overs else {
            return;
        };
        let now = self.now();
        let may_decide_from = |opened: TakenSession| {
            opened
                .taken_at
                .plus(self.context.policy.take_over_limit.window)
        };
        let is_remembered = take_overs
            .window
            .remaining(TakeOvers::MEMORY, now)
            .is_some()
            || take_overs
                .opened
                .is_some_and(|opened| now < may_decide_from(opened));
        let is_incumbent =
            take_overs.incumbent.is_some() && take_overs.incumbent == hash_of(device);
        if is_incumbent || !is_remembered {
            self.end_fight();
        } else if let Some(ended) = take_overs.opened {
            self.follow_take_over(ended.key, opened);
        }
    }
}

fn hash_of(device: &Device) -> Option<DeviceHash> {
    device.id.as_ref().map(DeviceHash::of)
}
