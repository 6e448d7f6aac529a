//! Property tests. They replay random histories of one user, and check every rule of [`super`]
//! after every step.
#![cfg_attr(
    not(test),
    expect(
        dead_code,
        reason = "a fuzzer chooses histories without the strategies of the tests"
    )
)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a check fails by panicking"
)]

#[cfg(test)]
mod alert_limit;
#[cfg(test)]
mod approval;
mod checks;
mod clock;
mod commands;
mod decisions;
mod devices;
mod events;
mod freezing;
mod fuzzing;
mod incumbents;
mod logins;
mod model;
#[cfg(test)]
mod node_clocks;
#[cfg(test)]
mod take_overs;
#[cfg(test)]
mod user;

use std::time::Duration;

#[cfg(test)]
use proptest::test_runner::{Config, RngSeed};
use proptest::{prelude::*, sample::Index, test_runner::TestCaseResult};

pub(crate) use self::fuzzing::replay_bytes;
use self::{
    devices::TestDevice,
    model::{History, POLICY},
};
use super::{Decision, OnConflict};

/// An event, and the wait before it.
#[derive(Debug, Clone)]
struct Step {
    after: Wait,
    event: Event,
}

/// The exact duration of each limit, and some shorter durations.
#[derive(Debug, Clone, Copy)]
enum Wait {
    Nothing,
    Millisecond,
    SomeSeconds,
    AlertCooldown,
    ApprovalTimeout,
    AlmostIdleTimeout,
    IdleTimeout,
    Lifetime,
}

impl Wait {
    const fn duration(self) -> Duration {
        match self {
            Self::Nothing => Duration::ZERO,
            Self::Millisecond => Duration::from_millis(1),
            Self::SomeSeconds => Duration::from_secs(20),
            Self::AlertCooldown => POLICY.alert_cooldown,
            Self::ApprovalTimeout => POLICY.approval_timeout,
            Self::AlmostIdleTimeout => POLICY.idle_timeout.saturating_sub(Duration::from_secs(1)),
            Self::IdleTimeout => POLICY.idle_timeout,
            Self::Lifetime => POLICY.session_lifetime,
        }
    }
}

#[derive(Debug, Clone)]
enum Event {
    Login {
        device: TestDevice,
        on_conflict: OnConflict,
        by_service: bool,
    },
    Decide {
        by: ActorChoice,
        attempt: SessionChoice,
        decision: Decision,
        number: NumberChoice,
    },
    Invalidate {
        by: ActorChoice,
        session: SessionChoice,
    },
    ChangePassword {
        by: ActorChoice,
    },
    Freeze {
        by: ActorChoice,
        /// How long the freeze lasts. `None` leaves the end out.
        lasts: Option<Wait>,
    },
    Unfreeze,
    Expire,
    /// A request with the active session's token, if it is valid.
    Request,
    /// The clock is set back by [`STEP_BACK`].
    SetBack,
    /// The next commands run on a node whose clock is behind by [`BEHIND`].
    FallBehind,
}

/// Longer than any limit except the lifetime, and than the tolerance.
const STEP_BACK: Duration = Duration::from_mins(15);

/// Within the tolerance. Two such differences are not.
const BEHIND: Duration = Duration::from_secs(3);

/// The actor of a command.
#[derive(Debug, Clone)]
enum ActorChoice {
    Service,
    Active,
    Pending,
    /// Any session that was ever opened.
    Any(Index),
    Unknown,
}

/// A session, or its login attempt.
#[derive(Debug, Clone)]
enum SessionChoice {
    Active,
    Pending,
    /// Any session that was ever opened.
    Any(Index),
    Unknown,
}

/// The number that an approval names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NumberChoice {
    Absent,
    Right,
    Wrong,
    /// A number that no device shows.
    Impossible,
}

fn steps(event: impl Strategy<Value = Event>) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(
        (wait(), event).prop_map(|(after, event)| Step { after, event }),
        1..40,
    )
}

fn wait() -> impl Strategy<Value = Wait> {
    prop_oneof![
        6 => Just(Wait::Nothing),
        2 => Just(Wait::Millisecond),
        4 => Just(Wait::SomeSeconds),
        2 => Just(Wait::AlertCooldown),
        2 => Just(Wait::ApprovalTimeout),
        2 => Just(Wait::AlmostIdleTimeout),
        1 => Just(Wait::IdleTimeout),
        1 => Just(Wait::Lifetime),
    ]
}

/// Events of every kind.
fn any_event() -> impl Strategy<Value = Event> {
    let decision = prop::sample::select(vec![Decision::Approve, Decision::Deny]);
    prop_oneof![
        8 => login(),
        4 => (actor(), session(), decision, number()).prop_map(|(by, attempt, decision, number)| {
            Event::Decide { by, attempt, decision, number }
        }),
        1 => (actor(), prop::option::of(wait()))
            .prop_map(|(by, lasts)| Event::Freeze { by, lasts }),
        1 => Just(Event::Unfreeze),
        2 => (actor(), session()).prop_map(|(by, session)| Event::Invalidate { by, session }),
        1 => actor().prop_map(|by| Event::ChangePassword { by }),
        1 => Just(Event::Expire),
        3 => Just(Event::Request),
    ]
}

/// Events of two devices, one of which moves, that log in repeatedly, while the first device stays
/// in use and never approves a login.
fn repeated_login() -> impl Strategy<Value = Event> {
    let device = prop::sample::select(vec![
        TestDevice::Laptop,
        TestDevice::LaptopElsewhere,
        TestDevice::WithoutId,
    ]);
    let on_conflict = prop_oneof![1 => Just(OnConflict::Reject), 3 => Just(OnConflict::Ask)];
    prop_oneof![
        6 => (device, on_conflict)
            .prop_map(|(device, on_conflict)| Event::Login {
                device,
                on_conflict,
                by_service: false,
            }),
        1 => Just(Event::Decide {
            by: ActorChoice::Active,
            attempt: SessionChoice::Pending,
            decision: Decision::Deny,
            number: NumberChoice::Absent,
        }),
        3 => Just(Event::Request),
    ]
}

/// Events of every kind, and a clock that is set back again and again.
fn any_event_or_step_back() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => any_event(),
        4 => repeated_login(),
        1 => Just(Event::SetBack),
        2 => Just(Event::FallBehind),
        2 => Just(Event::Expire),
    ]
}

fn login() -> impl Strategy<Value = Event> {
    let device = prop::sample::select(vec![
        TestDevice::Phone,
        TestDevice::PhoneWithAnotherBrowser,
        TestDevice::Laptop,
        TestDevice::LaptopElsewhere,
        TestDevice::WithoutId,
        TestDevice::WithoutIdElsewhere,
        TestDevice::Unknown,
    ]);
    let on_conflict = prop_oneof![
        2 => Just(OnConflict::Reject),
        2 => Just(OnConflict::TakeOver),
        4 => Just(OnConflict::Ask),
    ];
    (device, on_conflict, any::<bool>()).prop_map(|(device, on_conflict, by_service)| {
        Event::Login {
            device,
            on_conflict,
            by_service,
        }
    })
}

fn number() -> impl Strategy<Value = NumberChoice> {
    prop_oneof![
        4 => Just(NumberChoice::Right),
        1 => Just(NumberChoice::Wrong),
        1 => Just(NumberChoice::Impossible),
        1 => Just(NumberChoice::Absent),
    ]
}

fn actor() -> impl Strategy<Value = ActorChoice> {
    prop_oneof![
        3 => Just(ActorChoice::Service),
        4 => Just(ActorChoice::Active),
        1 => Just(ActorChoice::Pending),
        1 => any::<Index>().prop_map(ActorChoice::Any),
        1 => Just(ActorChoice::Unknown),
    ]
}

fn session() -> impl Strategy<Value = SessionChoice> {
    prop_oneof![
        2 => Just(SessionChoice::Active),
        4 => Just(SessionChoice::Pending),
        2 => any::<Index>().prop_map(SessionChoice::Any),
        1 => Just(SessionChoice::Unknown),
    ]
}

proptest! {
    #![proptest_config(Config {
        cases: 1000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..Config::default()
    })]

    #[test]
    fn every_rule_holds_after_every_step_of_any_history(steps in steps(any_event())) {
        replay(&steps)?;
    }

    #[test]
    fn every_rule_holds_while_devices_log_in_repeatedly(steps in steps(repeated_login())) {
        replay(&steps)?;
    }

    #[test]
    fn no_limit_is_extended_and_no_alert_is_silenced_if_the_clock_is_set_back(
        steps in steps(any_event_or_step_back())
    ) {
        replay(&steps)?;
    }
}

fn replay(steps: &[Step]) -> TestCaseResult {
    let mut history = History::start();
    checks::rules(&history)?;
    for step in steps {
        history.wait(step.after);
        checks::rules(&history)?;
        history.apply(&step.event)?;
        checks::rules(&history)?;
    }
    Ok(())
}
