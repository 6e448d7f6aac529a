//! Registration: who may register users, and how often one address may try.

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use governor::{DefaultKeyedRateLimiter, RateLimiter, clock::Clock};

use super::{Action, Error, Service, throttle::quota};
use crate::{access::Caller, domain::AddressBlock};

/// Who may register users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// Anyone, with a password.
    Anyone,
    /// Only the service.
    Service,
}

/// The limits on registrations by callers other than the service.
#[derive(Debug, Clone, Copy)]
pub struct RegistrationLimits {
    /// The number of attempts that an address may make in quick succession. Many people may share
    /// an address.
    pub per_address: NonZeroU32,
    /// The time after which one more attempt is allowed.
    pub refill_interval: Duration,
}

/// Counts the attempts to register: one token bucket per address, or per /64 network of IPv6.
#[derive(Debug)]
pub(super) struct RegistrationLimiter {
    addresses: DefaultKeyedRateLimiter<AddressBlock>,
}

impl RegistrationLimiter {
    pub(super) fn new(limits: RegistrationLimits) -> Self {
        let quota = quota(limits.per_address, limits.refill_interval);
        Self {
            addresses: RateLimiter::keyed(quota),
        }
    }

    /// Counts an attempt, or returns [`Error::TooManyRegistrations`] if the address must wait.
    /// Every attempt counts, whether it succeeds or not, because an attempt with a taken number
    /// also shows the caller something. A rejected attempt does not extend the wait.
    pub(super) fn record(&self, address: IpAddr) -> Result<(), Error> {
        self.addresses
            .check_key(&AddressBlock::of(address))
            .map_err(|not_until| Error::TooManyRegistrations {
                retry_after: not_until.wait_time_from(self.addresses.clock().now()),
            })
    }

    /// Frees the memory of full buckets.
    pub(super) fn evict_expired(&self) {
        self.addresses.retain_recent();
    }
}

impl Service {
    /// Rejects the caller if it may not register users.
    pub(super) fn may_register(&self, caller: &Caller) -> Result<(), Error> {
        match (self.config.registration, caller) {
            (Registration::Anyone, _) | (Registration::Service, Caller::Service(_)) => Ok(()),
            // A service with a wrong key must see that its credentials are the problem.
            (Registration::Service, Caller::InvalidCredentials) => Err(Error::Unauthenticated),
            (Registration::Service, Caller::Session(_) | Caller::Anonymous) => {
                Err(Error::Forbidden(Action::CreateUser))
            }
        }
    }
}
