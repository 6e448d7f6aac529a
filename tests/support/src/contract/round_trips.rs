//! Every value is read as it was written.

use std::{net::IpAddr, sync::Arc, time::Duration};

use sessiond::{
    domain::{
        ActiveChange, Alert, AlertKind, AlertWindow, Attempt, AttemptId, CommitId, Device,
        DeviceId, EndReason, Ended, EndedBy, Fingerprint, FoldedLogins, Mobile, Newness,
        PasswordHash, RecentConflict, SessionKey, Status, Timestamp, UserAgent, UserId, Username,
        rules::{OnConflict, SessionWrite, Transition},
    },
    store::{Commit, Store},
};
use uuid::Uuid;

use crate::{
    StoreLists,
    fixtures::{ALL, START, StoredUser, device, unique_id},
};

/// Characters of one to four bytes in UTF-8. Some combine with others, are written from right to
/// left, or have a meaning in text formats.
const CHARACTERS: [char; 14] = [
    'a',
    '\'',
    '"',
    '\\',
    '$',
    '.',
    '%',
    'ß',
    'e',
    '\u{301}',
    'ع',
    '日',
    '👩',
    '\u{10fffd}',
];

fn text(length: usize) -> String {
    CHARACTERS.iter().copied().cycle().take(length).collect()
}

/// A name of this length. It is in NFC, without a space at an end and without private characters.
fn name(length: usize) -> String {
    let characters = CHARACTERS.map(|c| match c {
        'e' => 'x',
        '\u{10fffd}' => '\u{1d4b3}',
        c => c,
    });
    characters.into_iter().cycle().take(length).collect()
}

pub(crate) async fn every_text_keeps_its_characters_and_its_length(store: Arc<dyn Store>) {
    let longest = Device {
        id: Some(DeviceId::parse(&text(128)).unwrap()),
        user_agent: UserAgent::parse(&text(512)).unwrap(),
        address: [192, 0, 2, 1].into(),
    };
    let (mut ada, mut commit) = StoredUser::unregistered(&store, 1, START);
    commit.user.owner.username = Username::parse(&name(64)).unwrap();
    commit.user.owner.mobile = Mobile::parse("+123456789012345").unwrap();
    commit.user.password = Some(PasswordHash::new(format!(
        "$argon2id$v=19$m=19456,t=2,p=1${}",
        text(200)
    )));
    let active = commit.user.active.as_mut().expect("a session is active");
    (active.owner, active.device) = (commit.user.owner.clone(), longest.clone());
    commit.sessions = vec![SessionWrite::Open(active.clone())];
    ada.state = commit.user.clone();
    store.commit(commit).await.unwrap();
    ada.assert_stored().await;
    let mobile = ada.state.owner.mobile.clone();
    assert_eq!(
        store.user_by_mobile(&mobile).await.unwrap().as_ref(),
        Some(&ada.state)
    );

    let other = Device {
        id: None,
        user_agent: UserAgent::parse("-").unwrap(),
        ..longest
    };
    let (mut commit, _) = ada.log_in(other, OnConflict::Ask).await;
    let alert = commit.alerts.remove(0);
    ada.assert_stored().await;
    assert_eq!(store.alert(alert.id()).await.unwrap(), Some(alert));
}

pub(crate) async fn every_address_reads_back(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    let addresses = [
        "0.0.0.0",
        "255.255.255.255",
        "::",
        "::1",
        "2001:db8:ffff:ffff:ffff:ffff:ffff:1",
    ];
    for address in addresses {
        let device = Device {
            id: None,
            address: address.parse().unwrap(),
            ..device(1)
        };
        let (commit, _) = ada.log_in(device, OnConflict::TakeOver).await;
        assert_eq!(
            store.user(ada.id()).await.unwrap().as_ref(),
            Some(&ada.state),
            "{address}"
        );
        let alert = commit
            .alerts
            .into_iter()
            .next()
            .expect("a session was replaced");
        assert_eq!(store.alert(alert.id()).await.unwrap(), Some(alert));
    }
}

pub(crate) async fn an_address_that_was_stored_as_ipv4_mapped_reads_back_as_ipv4(
    store: Arc<dyn Store>,
) {
    let mut ada = StoredUser::register(&store, 1).await;
    let older = Device {
        id: None,
        address: "::ffff:192.0.2.1".parse().unwrap(),
        ..device(1)
    };
    let (commit, _) = ada.log_in(older, OnConflict::TakeOver).await;
    let canonical: IpAddr = "192.0.2.1".parse().unwrap();

    let stored = store.user(ada.id()).await.unwrap().unwrap();
    assert_eq!(stored.active.unwrap().device.address, canonical);
    let alert = store.alert(commit.alerts[0].id()).await.unwrap().unwrap();
    assert_eq!(alert.attempt.unwrap().address, canonical);
}

pub(crate) async fn every_kind_of_alert_reads_back(store: Arc<dyn Store>) {
    use AlertKind::{
        AccountFrozen, AccountUnfrozen, LoginApproved, LoginNotApproved, LoginPending,
        LoginRefused, PasswordChanged, SessionExpired, SessionInvalidated, SessionReplaced,
    };
    let (ada, mut commit) = StoredUser::unregistered(&store, 1, START);
    let kinds = [
        LoginRefused,
        LoginPending,
        LoginApproved,
        LoginNotApproved,
        SessionReplaced,
        SessionInvalidated(None),
        SessionInvalidated(Some(EndedBy::Itself)),
        SessionInvalidated(Some(EndedBy::OtherDevice)),
        SessionInvalidated(Some(EndedBy::Service)),
        SessionExpired,
        PasswordChanged,
        AccountFrozen,
        AccountUnfrozen,
    ];
    // The third alert has no attempt. Every second attempt opened no session. The third and the
    // sixth report folded logins.
    commit.alerts = (1..)
        .zip(kinds)
        .map(|(sequence, kind)| alert(&ada, sequence, kind))
        .collect();
    commit.user.last_alert = commit.alerts.len() as u64;
    let alerts = commit.alerts.clone();
    store.commit(commit).await.unwrap();
    assert_eq!(store.alerts_after(ada.id(), 0, 100).await.unwrap(), alerts);
    let newest_first = store.alerts(ada.id(), ALL).await.unwrap().items;
    assert!(newest_first.iter().rev().eq(&alerts));
    for alert in alerts {
        assert_eq!(store.alert(alert.id()).await.unwrap(), Some(alert));
    }
}

fn attempt(ada: &StoredUser, number: u64) -> Attempt {
    Attempt {
        id: AttemptId {
            user: ada.id(),
            id: Uuid::from_u128(number.into()),
        },
        session: None,
        user_agent: UserAgent::parse("curl/8.9.1").unwrap(),
        address: [192, 0, 2, 9].into(),
        created_at: START.minus(Duration::from_millis(1)),
        newness: Newness::default(),
    }
}

fn alert(ada: &StoredUser, sequence: u64, kind: AlertKind) -> Alert {
    let attempt = Attempt {
        session: sequence.is_multiple_of(2).then(|| ada.active()),
        newness: Newness {
            device: (!sequence.is_multiple_of(3)).then_some(sequence % 3 == 1),
            place: (sequence % 4 > 1).then_some(sequence % 4 == 2),
        },
        ..attempt(ada, sequence)
    };
    Alert {
        user: ada.id(),
        sequence,
        kind,
        created_at: START,
        session: (sequence != 4).then(|| ada.active()),
        attempt: (sequence != 3).then_some(attempt),
        folded_count: if sequence.is_multiple_of(3) {
            u32::MAX
        } else {
            0
        },
    }
}

pub(crate) async fn every_alert_window_reads_back(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    let window = |count, folded| AlertWindow {
        started_at: START,
        count,
        folded,
    };
    let folded = FoldedLogins {
        count: u32::MAX,
        last: attempt(&ada, 7),
    };
    for window in [
        Some(window(1, None)),
        Some(window(u32::MAX, Some(folded))),
        Some(window(2, None)),
        None,
    ] {
        ada.change(|state, _| {
            let mut next = state.clone();
            next.alert_window = window;
            next.version += 1;
            Transition {
                next,
                sessions: Vec::new(),
                alerts: Vec::new(),
                active_change: ActiveChange::default(),
            }
        })
        .await;
        ada.assert_stored().await;
    }
}

pub(crate) async fn every_end_reason_reads_back(store: Arc<dyn Store>) {
    use EndReason::{Expired, Frozen, Invalidated, NotApproved, PasswordChanged, Replaced};
    let successor = SessionKey::new(Uuid::from_u128(u128::MAX));
    let reasons = [
        Expired,
        Frozen,
        Invalidated(None),
        Invalidated(Some(EndedBy::Itself)),
        Invalidated(Some(EndedBy::OtherDevice)),
        Invalidated(Some(EndedBy::Service)),
        NotApproved,
        PasswordChanged,
        Replaced,
    ];
    for (number, reason) in (1..).zip(reasons) {
        let mut ada = StoredUser::register(&store, number).await;
        let mut session = ada.state.active.take().expect("a session is active");
        let replaced_by = (reason == Replaced).then_some(successor);
        session.status = Status::Ended(Ended {
            at: START,
            reason,
            replaced_by,
        });
        ada.state.version += 1;
        let commit = Commit {
            id: CommitId::new(unique_id()),
            expected_version: 1,
            user: ada.state.clone(),
            sessions: vec![SessionWrite::Change(session.clone())],
            alerts: Vec::new(),
            active_change: ActiveChange::default(),
        };
        store.commit(commit).await.unwrap();
        ada.assert_stored().await;
        assert_eq!(
            store.session(ada.id(), session.key).await.unwrap(),
            Some(session)
        );
    }
}

pub(crate) async fn extreme_times_read_back(store: Arc<dyn Store>) {
    for (number, at) in (1..).zip([0, -1, 253_402_300_799_999].map(Timestamp::from_millis)) {
        let (mut ada, mut commit) = StoredUser::unregistered(&store, number, at);
        let oldest = RecentConflict {
            device: Fingerprint::from_bytes([255; 16]),
            at,
        };
        commit.user.recent_conflicts = vec![oldest; 16];
        let active = commit.user.active.as_mut().expect("a session is active");
        // One year is the longest timeout that can be set.
        active.idle_timeout = Duration::from_hours(365 * 24);
        active.lifetime_ends_at = at.plus(active.idle_timeout);
        commit.sessions = vec![SessionWrite::Open(active.clone())];
        ada.state = commit.user.clone();
        store.commit(commit).await.unwrap();
        assert_eq!(store.user(ada.id()).await.unwrap(), Some(ada.state));
    }
    assert_eq!(store.user(UserId::new(Uuid::max())).await.unwrap(), None);
}
