//! Histories that a fuzzer chooses. Four bytes are one step, so that a change of a byte changes one
//! choice. The generators of proptest would not end: rand rejects the zeros that follow the last
//! byte.

use proptest::{
    prelude::any,
    sample::Index,
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::{
    ActorChoice, Event, NumberChoice, SessionChoice, Step, Wait, devices::TestDevice, replay,
};
use crate::domain::rules::{Decision, OnConflict};

/// The longest history. A longer one costs time, and its end meets what a shorter one meets.
const MAX_STEPS: usize = 64;

const WAITS: [Wait; 8] = [
    Wait::Nothing,
    Wait::Millisecond,
    Wait::SomeSeconds,
    Wait::AlertCooldown,
    Wait::ApprovalTimeout,
    Wait::AlmostIdleTimeout,
    Wait::IdleTimeout,
    Wait::Lifetime,
];

const DEVICES: [TestDevice; 7] = [
    TestDevice::Phone,
    TestDevice::PhoneWithAnotherBrowser,
    TestDevice::Laptop,
    TestDevice::LaptopElsewhere,
    TestDevice::WithoutId,
    TestDevice::WithoutIdElsewhere,
    TestDevice::Unknown,
];

/// Replays the history that `data` describes, and checks every rule after every step.
///
/// # Panics
/// If a rule does not hold.
pub(crate) fn replay_bytes(data: &[u8]) {
    let steps = data.as_chunks().0.iter().take(MAX_STEPS);
    let history: Vec<_> = steps.copied().map(step).collect();
    if let Err(error) = replay(&history) {
        panic!("{error} in {history:#?}");
    }
}

fn step([after, kind, first, second]: [u8; 4]) -> Step {
    let by = actor(first);
    let event = match kind % 16 {
        0..6 => Event::Login {
            device: choose(DEVICES, first),
            on_conflict: choose(
                [OnConflict::Reject, OnConflict::TakeOver, OnConflict::Ask],
                second,
            ),
            by_service: second & 0x80 != 0,
        },
        6..9 => Event::Decide {
            by,
            attempt: session(second),
            decision: choose([Decision::Approve, Decision::Deny], second >> 3),
            number: choose(
                [
                    NumberChoice::Right,
                    NumberChoice::Wrong,
                    NumberChoice::Absent,
                    NumberChoice::Impossible,
                ],
                second >> 4,
            ),
        },
        9 => Event::Invalidate {
            by,
            session: session(second),
        },
        10 => Event::ChangePassword { by },
        11 => Event::Freeze {
            by,
            lasts: (second & 1 == 1).then(|| choose(WAITS, second >> 1)),
        },
        12 => Event::Unfreeze,
        13 => Event::Expire,
        14 if first & 1 == 1 => Event::FallBehind,
        14 => Event::SetBack,
        _ => Event::Request,
    };
    Step {
        after: choose(WAITS, after),
        event,
    }
}

fn choose<T: Copy, const N: usize>(choices: [T; N], byte: u8) -> T {
    choices[usize::from(byte) % N]
}

fn actor(byte: u8) -> ActorChoice {
    match byte % 8 {
        0..3 => ActorChoice::Active,
        3 | 4 => ActorChoice::Service,
        5 => ActorChoice::Pending,
        6 => ActorChoice::Any(index(byte)),
        _ => ActorChoice::Unknown,
    }
}

fn session(byte: u8) -> SessionChoice {
    match byte % 8 {
        0..4 => SessionChoice::Pending,
        4 | 5 => SessionChoice::Active,
        6 => SessionChoice::Any(index(byte)),
        _ => SessionChoice::Unknown,
    }
}

/// An index that only proptest can make.
fn index(byte: u8) -> Index {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[byte; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    match any::<Index>().new_tree(&mut runner) {
        Ok(tree) => tree.current(),
        Err(reason) => panic!("{reason}"),
    }
}
