//! Failed logins are limited, by mobile number and by address (OWASP ASVS 5.0, 6.3.1). Logins that pass the
//! credential check are not counted, whatever the rules make of them.

use std::{hash::Hash, net::IpAddr, num::NonZeroU32, time::Duration};

use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, QuantaInstant, Reference},
};
use quick_cache::sync::Cache;

use super::Error;
use crate::domain::Mobile;

/// How many numbers or addresses are remembered as blocked. Past that the least used is forgotten, and its bucket
/// still refuses it after one more failure.
const REMEMBERED: usize = 100_000;

/// The limits on failed logins.
#[derive(Debug, Clone, Copy)]
pub struct FailureLimits {
    /// Failures of one mobile number in a row before it has to wait.
    pub per_mobile: NonZeroU32,
    /// Failures of one address in a row before it has to wait; many people may share one.
    pub per_address: NonZeroU32,
    /// How long until one more failure is allowed.
    pub every: Duration,
}

#[derive(Debug)]
pub(super) struct Throttle {
    mobiles: Failures<Mobile>,
    addresses: Failures<IpAddr>,
}

impl Throttle {
    pub(super) fn new(limits: &FailureLimits) -> Self {
        Self {
            mobiles: Failures::new(limits.per_mobile, limits.every),
            addresses: Failures::new(limits.per_address, limits.every),
        }
    }

    /// Whether a login may be tried at all.
    pub(super) fn check(&self, mobile: &Mobile, address: IpAddr) -> Result<(), Error> {
        match self
            .mobiles
            .retry_after(mobile)
            .max(self.addresses.retry_after(&address))
        {
            None => Ok(()),
            Some(retry_after) => Err(Error::RateLimited { retry_after }),
        }
    }

    pub(super) fn record_failure(&self, mobile: &Mobile, address: IpAddr) {
        self.mobiles.record_failure(mobile);
        self.addresses.record_failure(&address);
    }

    /// Forgets who has waited long enough.
    pub(super) fn evict_expired(&self) {
        self.mobiles.buckets.retain_recent();
        self.addresses.buckets.retain_recent();
    }
}

/// A token bucket a key, which only failures drain, and who has to wait because theirs is empty.
#[derive(Debug)]
struct Failures<K: Hash + Eq + Clone> {
    buckets: DefaultKeyedRateLimiter<K>,
    blocked: Cache<K, QuantaInstant>,
}

impl<K: Hash + Eq + Clone> Failures<K> {
    fn new(burst: NonZeroU32, every: Duration) -> Self {
        let quota = Quota::with_period(every).map_or_else(
            || Quota::per_second(burst),
            |quota| quota.allow_burst(burst),
        );
        Self {
            buckets: RateLimiter::keyed(quota),
            blocked: Cache::new(REMEMBERED),
        }
    }

    fn retry_after(&self, key: &K) -> Option<Duration> {
        let left: Duration = self
            .blocked
            .get(key)?
            .duration_since(self.buckets.clock().now())
            .into();
        (!left.is_zero()).then_some(left)
    }

    fn record_failure(&self, key: &K) {
        if let Err(not_until) = self.buckets.check_key(key) {
            let now = self.buckets.clock().now();
            self.blocked
                .insert(key.clone(), now + not_until.wait_time_from(now).into());
        }
    }
}
