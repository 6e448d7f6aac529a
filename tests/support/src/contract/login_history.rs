//! What the rules remember of logins, freezes, and the numbers of waiting sessions.

use std::{sync::Arc, time::Duration};

use sessiond::{
    domain::{
        ActiveChange, AlertKind, Denials, DeviceHash, Freeze, FreezeReason, FrozenBy, LoginHistory,
        MAX_KNOWN_DEVICES, MAX_RECENT_CHOICES, RecentChoices, Session, SessionKey, TakeOvers,
        TakenSession, Window,
        rules::{Actor, Decision, FreezeUser, Transition, freeze_user},
    },
    store::Store,
};
use uuid::Uuid;

use crate::{
    StoreLists,
    fixtures::{START, StoredUser},
};

/// Commits a state that differs from the present one by this change only.
async fn commit_change(
    user: &mut StoredUser,
    change: impl FnOnce(&mut sessiond::domain::UserState),
) {
    user.change(|state, _| {
        let mut next = state.clone();
        change(&mut next);
        next.version += 1;
        Transition {
            next,
            sessions: Vec::new(),
            alerts: Vec::new(),
            active_change: ActiveChange::default(),
        }
    })
    .await;
    user.assert_stored().await;
}

pub(crate) async fn every_part_of_a_login_history_reads_back(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    let window = Window {
        started_at: START,
        count: u32::MAX,
    };
    let denials = |paused_at| Denials {
        count: u32::MAX,
        unanswered: 2,
        paused_at,
        last_at: START,
    };
    let opened = TakenSession {
        key: SessionKey::new(Uuid::from_u128(u128::MAX)),
        taken_at: START.plus(Duration::from_millis(1)),
    };
    let take_overs = |incumbent, opened| TakeOvers {
        window,
        incumbent,
        opened,
    };
    let choices = RecentChoices {
        at: START,
        choices: [10, 55, 99],
    };
    let full = LoginHistory {
        denials: Some(denials(Some(START))),
        supersessions: Some(window),
        take_overs: Some(take_overs(
            Some(DeviceHash::from_bytes([255; 16])),
            Some(opened),
        )),
        recent_choices: vec![choices; MAX_RECENT_CHOICES],
        devices: vec![DeviceHash::from_bytes([0; 16]); MAX_KNOWN_DEVICES],
    };
    let partial = LoginHistory {
        denials: Some(denials(None)),
        take_overs: Some(take_overs(None, None)),
        ..LoginHistory::default()
    };
    for history in [full, partial, LoginHistory::default()] {
        commit_change(&mut ada, |user| user.history = history).await;
    }
}

pub(crate) async fn every_freeze_reads_back(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    let reason = FreezeReason::parse("stolen: see \"case 7\" of $today. Müller").unwrap();
    let freezes = [
        Some(Freeze {
            since: START,
            until: Some(START.plus(Duration::from_hours(24))),
            by: FrozenBy::Session,
            reason: Some(reason),
        }),
        Some(Freeze {
            since: START,
            until: None,
            by: FrozenBy::Service,
            reason: None,
        }),
        None,
    ];
    for freeze in freezes {
        commit_change(&mut ada, |user| user.freeze = freeze).await;
    }
}

pub(crate) async fn the_number_of_a_waiting_session_reads_back_until_it_ends(
    store: Arc<dyn Store>,
) {
    let mut ada = StoredUser::register(&store, 1).await;
    let pending = ada.log_in_pending(1).await;
    ada.assert_stored().await;
    let stored = store.session(ada.id(), pending).await.unwrap().unwrap();
    let shown = ada.state.pending.as_ref().and_then(Session::matching);
    assert!(shown.is_some());
    assert_eq!(stored.matching(), shown);
    ada.decide_pending_login(Decision::Approve).await;
    ada.assert_stored().await;
    let stored = store.session(ada.id(), pending).await.unwrap().unwrap();
    assert_eq!(stored.matching(), None);
}

pub(crate) async fn a_question_ends_in_the_commit_that_ends_its_holder(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    let pending = ada.log_in_pending(1).await;
    let active = ada.active();
    ada.invalidate_session(active).await;
    ada.assert_stored().await;
    let stored = store.user(ada.id()).await.unwrap().unwrap();
    assert_eq!((stored.active, stored.pending), (None, None));
    let alerts = store.alerts_after(ada.id(), 1, 100).await.unwrap();
    let ended: Vec<_> = alerts.iter().map(|alert| alert.session).collect();
    assert_eq!(ended, [Some(active), Some(pending)]);
    assert_eq!(alerts[1].kind, AlertKind::LoginNotApproved);
}

pub(crate) async fn a_freeze_is_committed_with_the_ends_of_the_sessions(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    ada.log_in_pending(1).await;
    ada.change(|state, context| {
        let command = FreezeUser {
            actor: Actor::Service,
            until: None,
            reason: None,
        };
        freeze_user(state, command, context).expect("the service may freeze a user")
    })
    .await;
    ada.assert_stored().await;
    let stored = store.user(ada.id()).await.unwrap().unwrap();
    assert!(stored.freeze_at(START).is_some());
    assert_eq!((stored.active, stored.pending), (None, None));
    let alerts = store.alerts_after(ada.id(), 1, 100).await.unwrap();
    assert!(
        alerts
            .iter()
            .all(|alert| alert.kind == AlertKind::AccountFrozen)
    );
    assert_eq!(alerts.len(), 2);
}
