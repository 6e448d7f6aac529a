//! Limits on failed logins, per mobile number and per address (OWASP ASVS 5.0, 6.3.1). An IPv6 /64
//! network counts as one address. A login with valid credentials does not count, even if the rules
//! refuse it. The store keeps the failures of a number, so that they still count after a restart.
//!
//! The limits use monotonic clocks (governor's own and [`Instant`]) instead of
//! [`Clock`](crate::clock::Clock), so a change of the system's time does not extend a wait.

use std::{
    hash::Hash,
    net::IpAddr,
    num::NonZeroU32,
    time::{Duration, Instant},
};

use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock,
    middleware::StateInformationMiddleware,
};
use quick_cache::sync::Cache;

use super::Error;
use crate::{
    domain::{AddressBlock, Mobile},
    store::FailedLogin,
};

/// The maximum number of blocked mobile numbers, and of blocked addresses. Beyond it, a rarely used
/// entry is evicted. Its bucket is still empty, so one more failure blocks it again.
const BLOCKED_CAPACITY: usize = 100_000;

/// The limits on failed logins.
#[derive(Debug, Clone, Copy)]
pub struct FailureLimits {
    /// The number of failures that a mobile number may have in quick succession. The last of them
    /// blocks it.
    pub per_mobile: NonZeroU32,
    /// The number of failures that an address may have in quick succession. The last of them blocks
    /// it. Many people may share an address.
    pub per_address: NonZeroU32,
    /// The time after which one more failure is allowed.
    pub refill_interval: Duration,
}

/// Counts failed logins and blocks their mobile numbers and addresses.
#[derive(Debug)]
pub(super) struct Throttle {
    mobiles: FailureLimiter<Mobile>,
    addresses: FailureLimiter<AddressBlock>,
}

impl Throttle {
    pub(super) fn new(limits: &FailureLimits) -> Self {
        Self {
            mobiles: FailureLimiter::new(limits.per_mobile, limits.refill_interval),
            addresses: FailureLimiter::new(limits.per_address, limits.refill_interval),
        }
    }

    /// Returns [`Error::RateLimited`] if the mobile number or the address is blocked.
    pub(super) fn check(&self, mobile: &Mobile, address: IpAddr) -> Result<(), Error> {
        match self
            .mobiles
            .retry_after(mobile)
            .max(self.addresses.retry_after(&AddressBlock::of(address)))
        {
            None => Ok(()),
            Some(retry_after) => Err(Error::RateLimited { retry_after }),
        }
    }

    /// Counts a failed login. Returns the failures of the number.
    pub(super) fn record_failure(&self, mobile: &Mobile, address: IpAddr) -> FailedLogin {
        self.addresses.record_failure(&AddressBlock::of(address));
        FailedLogin {
            mobile: mobile.clone(),
            remaining: self.mobiles.record_failure(mobile),
            interval: self.mobiles.interval,
            longest: self.mobiles.longest(),
        }
    }

    /// Counts the failures of a number at other nodes. All failures, with the one that this node has
    /// just counted, still count for `remaining`.
    pub(super) fn learn(&self, counted: &FailedLogin, remaining: Duration) {
        if remaining > counted.remaining {
            self.mobiles.restore(&counted.mobile, remaining);
        }
    }

    /// Counts failed logins of a number that still count for this time. They were counted before
    /// this node was started.
    pub(super) fn restore(&self, mobile: &Mobile, remaining: Duration) {
        self.mobiles.restore(mobile, remaining);
    }

    /// Frees the memory of full buckets.
    pub(super) fn evict_expired(&self) {
        self.mobiles.buckets.retain_recent();
        self.addresses.buckets.retain_recent();
    }
}

/// One token bucket per key. Only failures take tokens. The failure that takes the last token blocks
/// the key until there is another one.
#[derive(Debug)]
struct FailureLimiter<K: Hash + Eq + Clone> {
    burst: NonZeroU32,
    /// The time for which one failure counts.
    interval: Duration,
    buckets: DefaultKeyedRateLimiter<K, StateInformationMiddleware>,
    blocked_until: Cache<K, Instant>,
}

impl<K: Hash + Eq + Clone> FailureLimiter<K> {
    fn new(burst: NonZeroU32, refill_interval: Duration) -> Self {
        Self {
            burst,
            interval: refill_interval,
            buckets: RateLimiter::keyed(quota(burst, refill_interval)).with_middleware(),
            blocked_until: Cache::new(BLOCKED_CAPACITY),
        }
    }

    fn retry_after(&self, key: &K) -> Option<Duration> {
        let remaining = self
            .blocked_until
            .get(key)?
            .saturating_duration_since(Instant::now());
        (!remaining.is_zero()).then_some(remaining)
    }

    /// Takes a token. Returns the time until the bucket is full again, rounded up to a whole token.
    fn record_failure(&self, key: &K) -> Duration {
        let (wait, taken, interval) = match self.buckets.check_key(key) {
            Ok(state) => {
                let (left, interval) = (
                    state.remaining_burst_capacity(),
                    state.quota().replenish_interval(),
                );
                let taken = self.burst.get().saturating_sub(left);
                if left > 0 {
                    return interval * taken;
                }
                // The next token comes within this time. By its end there is one.
                (interval, taken, interval)
            }
            // Concurrent guesses have taken more tokens than there were.
            Err(not_until) => (
                not_until.wait_time_from(self.buckets.clock().now()),
                self.burst.get(),
                not_until.quota().replenish_interval(),
            ),
        };
        self.blocked_until
            .insert(key.clone(), Instant::now() + wait);
        interval * taken
    }

    /// The longest time for which failures count: as many as the bucket has tokens, and as many more
    /// that were counted at other nodes.
    fn longest(&self) -> Duration {
        self.interval * self.burst.get().saturating_mul(2)
    }

    /// Takes the tokens that a bucket lacks which is full again after `remaining`. If these are more
    /// than it holds, the key is blocked until one is there. A time beyond
    /// [`FailureLimiter::longest`] was stored before the clock was set back or the setting was
    /// changed, and takes no more than all tokens.
    fn restore(&self, key: &K, remaining: Duration) {
        for _ in 0..self.burst.get() {
            if self.record_failure(key) >= remaining {
                return;
            }
        }
        let until_first = remaining.saturating_sub(self.interval * (self.burst.get() - 1));
        if !until_first.is_zero() && remaining <= self.longest() {
            self.blocked_until
                .insert(key.clone(), Instant::now() + until_first);
        }
    }
}

/// The quota of a token bucket that holds `burst` tokens, and gets one more in each interval.
pub(super) fn quota(burst: NonZeroU32, refill_interval: Duration) -> Quota {
    Quota::with_period(refill_interval).map_or_else(
        || Quota::per_second(burst),
        |quota| quota.allow_burst(burst),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_limited(throttle: &Throttle, address: &str) -> bool {
        let unused = Mobile::parse("9012345678").unwrap();
        throttle.check(&unused, address.parse().unwrap()).is_err()
    }

    #[test]
    fn failures_from_one_ipv6_network_count_as_failures_of_one_address() {
        let throttle = Throttle::new(&FailureLimits {
            per_mobile: NonZeroU32::new(1000).unwrap(),
            per_address: NonZeroU32::new(100).unwrap(),
            refill_interval: Duration::from_hours(1),
        });
        let failed = Mobile::parse("9012345679").unwrap();
        for host in 0..100_u16 {
            assert!(!is_limited(&throttle, "2001:db8::1"), "{host}");
            let address = format!("2001:db8::{host:x}").parse().unwrap();
            throttle.record_failure(&failed, address);
        }
        assert!(is_limited(&throttle, "2001:db8::ffff:1"));
        assert!(!is_limited(&throttle, "2001:db8:0:1::1"));
    }

    #[test]
    fn failures_at_other_nodes_block_a_number_for_as_long_as_they_count() {
        const INTERVAL: Duration = Duration::from_hours(1);
        let mobile = Mobile::parse("9012345679").unwrap();
        let address = "192.0.2.1".parse().unwrap();
        // The sum of all failures, and how long the number is blocked, in intervals.
        for (counted, blocked) in [(1, 0), (2, 0), (3, 1), (4, 2), (6, 4), (7, 1), (1000, 1)] {
            let throttle = Throttle::new(&FailureLimits {
                per_mobile: NonZeroU32::new(3).unwrap(),
                per_address: NonZeroU32::new(1000).unwrap(),
                refill_interval: INTERVAL,
            });
            let failure = throttle.record_failure(&mobile, address);
            throttle.learn(&failure, INTERVAL * counted);
            let wait = match throttle.check(&mobile, address) {
                Err(Error::RateLimited { retry_after }) => retry_after,
                _ => Duration::ZERO,
            };
            let expected = INTERVAL * blocked;
            assert!(
                wait <= expected && expected.saturating_sub(wait) < INTERVAL / 2,
                "{counted} failures block for {wait:?}"
            );
        }
    }

    #[test]
    fn the_last_permitted_failure_blocks_a_number_for_one_interval() {
        for per_mobile in [1, 3] {
            let throttle = Throttle::new(&FailureLimits {
                per_mobile: NonZeroU32::new(per_mobile).unwrap(),
                per_address: NonZeroU32::new(1000).unwrap(),
                refill_interval: Duration::from_hours(1),
            });
            let mobile = Mobile::parse("9012345679").unwrap();
            let address = "192.0.2.1".parse().unwrap();
            for _ in 0..per_mobile {
                assert!(throttle.check(&mobile, address).is_ok());
                throttle.record_failure(&mobile, address);
            }
            let Err(Error::RateLimited { retry_after }) = throttle.check(&mobile, address) else {
                panic!("{per_mobile} failures do not block the number");
            };
            let hour = Duration::from_hours(1);
            assert!(hour / 2 < retry_after && retry_after <= hour);
        }
    }
}
