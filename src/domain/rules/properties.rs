//! Random histories of one user, with every rule of [`super`] checked after every step.

mod checks;
mod events;
mod model;

use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{Config, RngSeed, TestCaseError},
};

use self::model::{History, POLICY};
use super::{Decision, OnConflict};

/// Something that happens, and how long before it nothing did.
#[derive(Debug, Clone)]
struct Step {
    after: Wait,
    event: Event,
}

/// The lengths at which something ends, to the millisecond, and some between.
#[derive(Debug, Clone, Copy)]
enum Wait {
    Nothing,
    Millisecond,
    SomeSeconds,
    QuietTime,
    ApprovalTimeout,
    AlmostIdleTimeout,
    IdleTimeout,
    Lifetime,
}

#[derive(Debug, Clone)]
enum Event {
    Login {
        on: On,
        on_conflict: OnConflict,
    },
    Decide {
        by: By,
        attempt: Which,
        decision: Decision,
    },
    Invalidate {
        by: By,
        session: Which,
    },
    ChangePassword {
        by: By,
    },
    Expire,
    /// A request with the active session's token, where it is valid.
    Request,
}

/// The devices that log in. The first two call themselves the same and look different.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    Phone,
    PhoneWithAnotherBrowser,
    Laptop,
    Nameless,
    NamelessElsewhere,
}

/// Who gives a command. Numbers wrap around the sessions that there are.
#[derive(Debug, Clone)]
enum By {
    Service,
    Active,
    Pending,
    Any(Index),
    Nobody,
}

/// A session, or the attempt that it waited under.
#[derive(Debug, Clone)]
enum Which {
    Active,
    Pending,
    Any(Index),
    Unknown,
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
        2 => Just(Wait::QuietTime),
        2 => Just(Wait::ApprovalTimeout),
        2 => Just(Wait::AlmostIdleTimeout),
        1 => Just(Wait::IdleTimeout),
        1 => Just(Wait::Lifetime),
    ]
}

/// Anything at all.
fn event() -> impl Strategy<Value = Event> {
    let decision = prop::sample::select(vec![Decision::Approve, Decision::Deny]);
    prop_oneof![
        8 => login(),
        4 => (by(), which(), decision)
            .prop_map(|(by, attempt, decision)| Event::Decide { by, attempt, decision }),
        2 => (by(), which()).prop_map(|(by, session)| Event::Invalidate { by, session }),
        1 => by().prop_map(|by| Event::ChangePassword { by }),
        1 => Just(Event::Expire),
        3 => Just(Event::Request),
    ]
}

/// Devices that do not give up, while the first one goes on and lets nobody in.
fn insistence() -> impl Strategy<Value = Event> {
    let on = prop::sample::select(vec![On::Laptop, On::Nameless]);
    let on_conflict = prop_oneof![1 => Just(OnConflict::Reject), 3 => Just(OnConflict::Ask)];
    prop_oneof![
        6 => (on, on_conflict).prop_map(|(on, on_conflict)| Event::Login { on, on_conflict }),
        1 => Just(Event::Decide { by: By::Active, attempt: Which::Pending, decision: Decision::Deny }),
        3 => Just(Event::Request),
    ]
}

fn login() -> impl Strategy<Value = Event> {
    let on = prop::sample::select(vec![
        On::Phone,
        On::PhoneWithAnotherBrowser,
        On::Laptop,
        On::Nameless,
        On::NamelessElsewhere,
    ]);
    let on_conflict = prop_oneof![
        2 => Just(OnConflict::Reject),
        2 => Just(OnConflict::TakeOver),
        4 => Just(OnConflict::Ask),
    ];
    (on, on_conflict).prop_map(|(on, on_conflict)| Event::Login { on, on_conflict })
}

fn by() -> impl Strategy<Value = By> {
    prop_oneof![
        3 => Just(By::Service),
        4 => Just(By::Active),
        1 => Just(By::Pending),
        1 => any::<Index>().prop_map(By::Any),
        1 => Just(By::Nobody),
    ]
}

fn which() -> impl Strategy<Value = Which> {
    prop_oneof![
        2 => Just(Which::Active),
        4 => Just(Which::Pending),
        2 => any::<Index>().prop_map(Which::Any),
        1 => Just(Which::Unknown),
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
    fn every_rule_holds_after_every_step_of_any_history(steps in steps(event())) {
        replay(&steps)?;
    }

    #[test]
    fn every_rule_holds_while_devices_insist(steps in steps(insistence())) {
        replay(&steps)?;
    }
}

fn replay(steps: &[Step]) -> Result<(), TestCaseError> {
    let mut history = History::start();
    checks::rules(&history)?;
    for step in steps {
        history.wait(step.after);
        checks::rules(&history)?;
        history.take(&step.event)?;
        checks::rules(&history)?;
    }
    Ok(())
}

impl Wait {
    fn duration(self) -> std::time::Duration {
        use std::time::Duration;
        match self {
            Self::Nothing => Duration::ZERO,
            Self::Millisecond => Duration::from_millis(1),
            Self::SomeSeconds => Duration::from_secs(20),
            Self::QuietTime => POLICY.quiet_for,
            Self::ApprovalTimeout => POLICY.approval_timeout,
            Self::AlmostIdleTimeout => POLICY.idle_timeout.saturating_sub(Duration::from_secs(1)),
            Self::IdleTimeout => POLICY.idle_timeout,
            Self::Lifetime => POLICY.session_lifetime,
        }
    }
}
