//! The limit on open WebSockets and event streams of a node. A share of them is reserved for devices
//! that hold an active session, so that nobody can fill a node to keep a holder from listening: a
//! holder that does not listen may count as away.
//!
//! While the ordinary share has room, nobody is asked for anything. Beyond it, an event stream needs
//! the token of an active session. A WebSocket sends its token only after the handshake, so it is
//! admitted *on trial* to the reserved share, and stays if its `connection_init` has such a token.
//! If the reserved share is full, the oldest WebSocket on trial makes room for the next one. To keep
//! a holder out, an attacker must therefore open as many connections as the reserved share has
//! places, while the holder's `connection_init` is on its way.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    num::NonZeroUsize,
    sync::Arc,
};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::connection_limits::{ConnectionLimiter, ConnectionPermit, LimitExceeded};
use crate::domain::UserId;

/// One in this many sockets is reserved for tokens of active sessions.
const RESERVED_DIVISOR: usize = 10;

/// The maximum number of reserved sockets of one user, so that one account cannot use them all. A user
/// whose device logs in again and again has no more.
const MAX_RESERVED_PER_SESSION: usize = 4;

/// Limits the WebSockets and event streams of a node.
#[derive(Debug)]
pub struct SocketLimiter {
    /// Counts the sockets of each network.
    networks: Arc<ConnectionLimiter>,
    max_ordinary: usize,
    max_reserved: usize,
    open: Mutex<OpenSockets>,
}

#[derive(Debug, Default)]
struct OpenSockets {
    ordinary: usize,
    /// The sockets in the reserved share that have shown the token of an active session.
    reserved: usize,
    by_user: HashMap<UserId, usize>,
    /// The sockets on trial, the oldest first. Together with `reserved`, at most `max_reserved`.
    on_trial: BTreeMap<u64, Trial>,
    last_trial: u64,
}

/// A socket on trial. The permit is here and not with the socket, so that the place is free as soon
/// as the trial ends.
#[derive(Debug)]
struct Trial {
    network: ConnectionPermit,
    ended: CancellationToken,
}

/// A permit for one open socket. It is returned to the limiter when it is dropped.
#[derive(Debug)]
pub(super) struct SocketPermit {
    limiter: Arc<SocketLimiter>,
    share: Share,
}

#[derive(Debug)]
enum Share {
    Ordinary {
        _network: ConnectionPermit,
    },
    Reserved {
        user: UserId,
        _network: ConnectionPermit,
    },
    Trial {
        number: u64,
        ended: CancellationToken,
    },
}

impl SocketLimiter {
    /// Creates a limiter.
    #[must_use]
    pub fn new(max_sockets: NonZeroUsize, max_per_network: NonZeroUsize) -> Self {
        let max_reserved = max_sockets.get() / RESERVED_DIVISOR;
        Self {
            networks: Arc::new(ConnectionLimiter::new(NonZeroUsize::MAX, max_per_network)),
            max_ordinary: max_sockets.get() - max_reserved,
            max_reserved,
            open: Mutex::default(),
        }
    }

    /// Returns a permit in the ordinary share.
    pub(super) fn try_acquire(
        self: &Arc<Self>,
        address: IpAddr,
    ) -> Result<SocketPermit, LimitExceeded> {
        let network = self.networks.try_acquire(address)?;
        let mut open = self.open.lock();
        if open.ordinary >= self.max_ordinary {
            return Err(LimitExceeded::Node);
        }
        open.ordinary += 1;
        Ok(self.permit(Share::Ordinary { _network: network }))
    }

    /// Returns a permit in the ordinary share, or one on trial in the reserved share. If that share
    /// is full, ends the oldest trial.
    pub(super) fn try_acquire_on_trial(
        self: &Arc<Self>,
        address: IpAddr,
    ) -> Result<SocketPermit, LimitExceeded> {
        match self.try_acquire(address) {
            Err(LimitExceeded::Node) => {}
            result => return result,
        }
        let network = self.networks.try_acquire(address)?;
        let mut open = self.open.lock();
        if !open.has_room(self.max_reserved) {
            return Err(LimitExceeded::Node);
        }
        open.last_trial += 1;
        let (number, ended) = (open.last_trial, CancellationToken::new());
        let trial = Trial {
            network,
            ended: ended.clone(),
        };
        open.on_trial.insert(number, trial);
        Ok(self.permit(Share::Trial { number, ended }))
    }

    /// Returns a permit in the reserved share for a socket that has shown the token of this active
    /// session. If the share is full, ends the oldest trial.
    pub(super) fn try_acquire_for(
        self: &Arc<Self>,
        address: IpAddr,
        user: UserId,
    ) -> Result<SocketPermit, LimitExceeded> {
        let network = self.networks.try_acquire(address)?;
        let mut open = self.open.lock();
        if !open.may_add(user) || !open.has_room(self.max_reserved) {
            return Err(LimitExceeded::Node);
        }
        open.add(user);
        Ok(self.permit(Share::Reserved {
            user,
            _network: network,
        }))
    }

    fn permit(self: &Arc<Self>, share: Share) -> SocketPermit {
        SocketPermit {
            limiter: Arc::clone(self),
            share,
        }
    }
}

impl OpenSockets {
    /// Whether the reserved share has room, if need be after the end of the oldest trial.
    fn has_room(&mut self, max_reserved: usize) -> bool {
        if self.reserved + self.on_trial.len() < max_reserved {
            return true;
        }
        let oldest = self.on_trial.pop_first();
        oldest.inspect(|(_, trial)| trial.ended.cancel()).is_some()
    }

    fn may_add(&self, user: UserId) -> bool {
        let open = self.by_user.get(&user).copied().unwrap_or(0);
        open < MAX_RESERVED_PER_SESSION
    }

    fn add(&mut self, user: UserId) {
        self.reserved += 1;
        *self.by_user.entry(user).or_default() += 1;
    }

    fn remove(&mut self, user: UserId) {
        self.reserved -= 1;
        if let Some(open) = self.by_user.get_mut(&user) {
            *open -= 1;
            if *open == 0 {
                self.by_user.remove(&user);
            }
        }
    }
}

impl SocketPermit {
    /// Returns a token that is canceled when the trial ends because another socket needs the place.
    /// `None` for a socket that is not on trial.
    pub(super) fn trial_ended(&self) -> Option<CancellationToken> {
        match &self.share {
            Share::Trial { ended, .. } => Some(ended.clone()),
            Share::Ordinary { .. } | Share::Reserved { .. } => None,
        }
    }

    /// Ends the trial of a socket whose client has the token of an active session of this user, or has
    /// none.
    /// Returns whether the socket may stay. A socket that is not on trial may always stay.
    pub(super) fn end_trial(&mut self, user: Option<UserId>) -> bool {
        let Share::Trial { number, .. } = self.share else {
            return true;
        };
        let mut open = self.limiter.open.lock();
        // Another socket may just have taken the place.
        let Some(trial) = open.on_trial.remove(&number) else {
            return false;
        };
        let Some(user) = user.filter(|user| open.may_add(*user)) else {
            return false;
        };
        open.add(user);
        drop(open);
        self.share = Share::Reserved {
            user,
            _network: trial.network,
        };
        true
    }
}

impl Drop for SocketPermit {
    fn drop(&mut self) {
        let mut open = self.limiter.open.lock();
        match &self.share {
            Share::Ordinary { .. } => open.ordinary -= 1,
            Share::Reserved { user, .. } => open.remove(*user),
            Share::Trial { number, .. } => drop(open.on_trial.remove(number)),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// A limiter of 20 sockets, two of which are reserved.
    fn limiter() -> Arc<SocketLimiter> {
        let max = |max| NonZeroUsize::new(max).unwrap();
        Arc::new(SocketLimiter::new(max(20), max(19)))
    }

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    fn user(number: u128) -> UserId {
        UserId::new(Uuid::from_u128(number))
    }

    /// Permits that use the whole ordinary share.
    fn fill(limiter: &Arc<SocketLimiter>) -> Vec<SocketPermit> {
        let permits: Vec<_> = (0..18)
            .map(|last| limiter.try_acquire(address(last)).unwrap())
            .collect();
        assert_eq!(
            limiter.try_acquire(address(99)).unwrap_err(),
            LimitExceeded::Node
        );
        permits
    }

    #[test]
    fn beyond_the_ordinary_share_only_tokens_of_active_sessions_get_a_socket() {
        let limiter = limiter();
        let mut filling = fill(&limiter);
        let mut stranger = limiter.try_acquire_on_trial(address(1)).unwrap();
        let mut holder = limiter.try_acquire_on_trial(address(2)).unwrap();
        assert!(!stranger.end_trial(None));
        assert!(holder.end_trial(Some(user(1))));
        let _stream = limiter.try_acquire_for(address(3), user(2)).unwrap();
        for result in [
            limiter.try_acquire_on_trial(address(4)),
            limiter.try_acquire_for(address(4), user(3)),
        ] {
            assert_eq!(result.unwrap_err(), LimitExceeded::Node);
        }
        drop(holder);
        assert!(limiter.try_acquire_for(address(4), user(3)).is_ok());
        filling.pop();
        let ordinary = limiter.try_acquire_on_trial(address(5)).unwrap();
        assert!(ordinary.trial_ended().is_none());
    }

    #[test]
    fn the_oldest_socket_on_trial_makes_room_for_the_next_one() {
        let limiter = limiter();
        let _filling = fill(&limiter);
        let mut silent: Vec<_> = (0..2)
            .map(|_| limiter.try_acquire_on_trial(address(1)).unwrap())
            .collect();
        let mut holder = limiter.try_acquire_on_trial(address(2)).unwrap();
        let ended: Vec<_> = silent
            .iter()
            .map(|permit| permit.trial_ended().unwrap().is_cancelled())
            .collect();
        assert_eq!(ended, [true, false]);
        assert!(!silent[0].end_trial(Some(user(1))));
        assert!(holder.end_trial(Some(user(2))));
        let _stream = limiter.try_acquire_for(address(3), user(3)).unwrap();
        assert!(silent[1].trial_ended().unwrap().is_cancelled());
        assert!(limiter.try_acquire_for(address(3), user(4)).is_err());
        drop(silent);
        drop(holder);
        assert_eq!(limiter.open.lock().by_user.len(), 1);
    }

    #[test]
    fn one_user_and_one_network_cannot_use_the_whole_reserved_share() {
        let max = |max| NonZeroUsize::new(max).unwrap();
        let limiter = Arc::new(SocketLimiter::new(max(100), max(50)));
        let _filling: Vec<_> = (0..90)
            .map(|last| limiter.try_acquire(address(last)).unwrap())
            .collect();
        let own: Vec<_> = (0..MAX_RESERVED_PER_SESSION)
            .map(|_| limiter.try_acquire_for(address(200), user(1)).unwrap())
            .collect();
        assert!(limiter.try_acquire_for(address(200), user(1)).is_err());
        let mut more = limiter.try_acquire_on_trial(address(200)).unwrap();
        assert!(!more.end_trial(Some(user(1))));
        assert!(limiter.try_acquire_for(address(200), user(2)).is_ok());
        drop(own);

        let limiter = Arc::new(SocketLimiter::new(max(20), max(1)));
        let _filling = fill(&limiter);
        let first = limiter.try_acquire_on_trial(address(50)).unwrap();
        let beyond = limiter.try_acquire_on_trial(address(50));
        assert_eq!(beyond.unwrap_err(), LimitExceeded::Network);
        assert!(!first.trial_ended().unwrap().is_cancelled());
    }
}
