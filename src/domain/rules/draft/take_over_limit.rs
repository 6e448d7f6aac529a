//! The limit on take-overs: two devices must not take the session from each other again and again.

use std::time::Duration;

use super::Draft;
use crate::domain::{Device, DeviceHash, SessionKey, TakeOvers, Window};

impl Draft<'_> {
    /// Counts a take-over by a device that opens the session `opened`. The device that had the
    /// session before the first take-over of the window is not limited, so that it can always take
    /// back its session.
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
        if let Some((take_overs, remaining)) = running {
            let device = hash_of(device);
            if device.is_some() && device == take_overs.incumbent {
                return Ok(());
            }
            if take_overs.window.count >= limit.count.get() {
                return Err(remaining);
            }
        }
        let incumbent = match running {
            Some((take_overs, _)) => take_overs.incumbent,
            None => self.active().and_then(|active| hash_of(&active.device)),
        };
        let window = previous.map(|take_overs| take_overs.window);
        self.next.history.take_overs = Some(TakeOvers {
            window: Window::counted(window, limit.window, now),
            incumbent,
            opened,
        });
        Ok(())
    }

    /// Records that a device has replaced its own session. If a take-over opened that session, the
    /// new one may not decide either.
    pub(in super::super) fn follow_take_over(&mut self, replaced: SessionKey, by: SessionKey) {
        if let Some(take_overs) = &mut self.next.history.take_overs
            && take_overs.opened == replaced
        {
            take_overs.opened = by;
        }
    }
}

fn hash_of(device: &Device) -> Option<DeviceHash> {
    device.id.as_ref().map(DeviceHash::of)
}
