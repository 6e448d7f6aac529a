//! Logins that are decided on the state which the store has in memory, without a read.

use super::{
    Error, Service,
    login::{Credentials, LoginOutcome, LoginResult},
    presence::Policies,
};
use crate::{
    access::Caller,
    domain::{Device, rules},
};

impl Service {
    /// Logs in a user for whom the service vouches. Returns `None` if the present state must be read
    /// first. Nothing was changed then.
    ///
    /// The state in memory may be outdated. Therefore only a login that opens the session is decided
    /// on it, because its commit compares the version. Every other outcome needs the present state,
    /// and so does a policy that depends on the presence of the holder.
    pub(super) async fn log_in_recent_user(
        &self,
        caller: &Caller,
        credentials: &Credentials,
        device: &Device,
        policies: Policies,
    ) -> Result<Option<LoginResult>, Error> {
        if !credentials.are_vouched_for(caller) || policies.on_conflict != policies.if_away {
            return Ok(None);
        }
        // The first candidate decides, so a user under another one may not be the right one.
        let mobile = credentials.mobile.candidates().next();
        let recent = mobile.and_then(|mobile| self.store.recent_user(mobile));
        let username = &credentials.username;
        let Some(user) = recent.filter(|user| username.matches(&user.owner.username)) else {
            return Ok(None);
        };
        let (new_ids, token) = self.new_ids(user.owner.id);
        let changed = self
            .change_if_current(user, |state, context| {
                let login = self.decision(caller, device, policies.on_conflict, state);
                let new_ids = new_ids.numbered(state.sessions_opened);
                let decided = rules::log_in(state, login, new_ids, context).ok();
                decided.filter(|(_, outcome)| matches!(outcome, rules::LoginOutcome::LoggedIn(_)))
            })
            .await?;
        Ok(changed.map(|(transition, outcome)| LoginResult {
            outcome: LoginOutcome::new(outcome, token),
            user: transition.next,
        }))
    }
}
