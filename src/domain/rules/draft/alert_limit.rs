//! The bound on the alerts that conflicting logins raise in a minute.
//!
//! Whoever knows a user's credentials can log in as often as they want, each time as another
//! device. Only the alerts of such attempts are counted: `LOGIN_REFUSED`, `LOGIN_PENDING`,
//! `LOGIN_NOT_APPROVED` of a login that a further one supersedes, and the alert about a waiting
//! session that ends itself. All other alerts report the end of a session or a decision, and are
//! always raised.

use super::Draft;
use crate::domain::{
    AlertKind, AlertWindow, Attempt, SessionKey,
    rules::{Context, TooManyAlerts},
};

impl Draft<'_> {
    /// Counts alerts that are about to be raised.
    pub(in super::super) fn count_alerts(&mut self, alerts: u32) -> Result<(), TooManyAlerts> {
        let Context { now, policy } = self.context;
        let max = policy.max_alerts_per_minute;
        let previous = self.next.alert_window.as_ref();
        let window = AlertWindow::count_alerts(previous, alerts, max, now)
            .map_err(|retry_after| TooManyAlerts { retry_after })?;
        self.next.alert_window = Some(window);
        Ok(())
    }

    /// Counts the alert about a waiting session that is about to end itself. It may always do so: the
    /// alert may be one beyond the bound, and the next login that would ask is rejected.
    pub(in super::super) fn count_withdrawal(&mut self) {
        let _ = self.count_alerts(1);
    }

    /// Raises the alert about a refused login. Beyond the bound, the login is folded into the next
    /// alert instead.
    pub(in super::super) fn alert_refused(&mut self, active: SessionKey, attempt: Attempt) {
        if self.count_alerts(1).is_ok() {
            self.alert(AlertKind::LoginRefused, Some(active), Some(attempt));
        } else if let Some(full) = &mut self.next.alert_window {
            full.fold(attempt);
        }
    }

    /// Reports the folded logins in an alert of their own, if their minute has passed. The alert
    /// shows the last of them, and is the first one of a new minute.
    pub(in super::super) fn report_folded(&mut self) {
        let now = self.now();
        let Some(window) = &mut self.next.alert_window else {
            return;
        };
        if window.is_open(now) {
            return;
        }
        let Some(folded) = &window.folded else { return };
        let last = folded.last.clone();
        match self.next.active.as_ref().map(|session| session.key) {
            Some(active) => self.alert_refused(active, last),
            // Not expected: the end of the active session raises an alert, which reports them.
            None => window.folded = None,
        }
    }

    /// Removes the folded logins, because an alert reports them. Returns their number.
    pub(super) fn take_folded(&mut self) -> u32 {
        let window = self.next.alert_window.as_mut();
        let folded = window.and_then(|window| window.folded.take());
        folded.map_or(0, |folded| folded.count)
    }
}
