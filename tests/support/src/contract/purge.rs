//! Purging old sessions and alerts.

use std::{sync::Arc, time::Duration};

use sessiond::store::{Purged, Store};

use crate::{
    StoreLists,
    fixtures::{ALL, POLICY, START, StoredUser},
};

const MILLISECOND: Duration = Duration::from_millis(1);

pub(crate) async fn only_old_ended_sessions_and_old_alerts_are_purged(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    let old = ada.active();
    ada.advance(POLICY.idle_timeout / 2);
    let replaced = ada.take_over(1).await;
    let first_end = ada.now;
    ada.advance(POLICY.idle_timeout / 2);
    let active = ada.take_over(2).await;
    let pending = ada.log_in_pending(3).await;

    // A session that ended at `first_end` and an alert that was raised at `first_end` are not older
    // than `first_end`.
    assert_eq!(
        store.purge(first_end, 100).await.unwrap(),
        Purged::default()
    );
    let purged = store.purge(first_end.plus(MILLISECOND), 100).await.unwrap();
    assert_eq!(
        purged,
        Purged {
            sessions: 1,
            alerts: 1
        }
    );
    let found = store
        .sessions_by_key(&[old, replaced, active, pending])
        .await
        .unwrap();
    let kept: Vec<bool> = found.iter().map(Option::is_some).collect();
    assert_eq!(kept, [false, true, true, true]);
    let alerts = store.alerts(ada.id(), ALL).await.unwrap().items;
    assert_eq!(
        alerts
            .iter()
            .map(|alert| alert.sequence)
            .collect::<Vec<_>>(),
        [3, 2]
    );
    assert_eq!(
        store.alerts_after(ada.id(), 0, 100).await.unwrap().len(),
        2,
        "the first alert of the log was purged"
    );

    // A purge keeps the user and the sessions that are not recorded as ended, whatever their age.
    store
        .purge(ada.now.plus(POLICY.session_lifetime * 100), 100)
        .await
        .unwrap();
    ada.assert_stored().await;
    assert_eq!(store.count_sessions(ada.id()).await.unwrap(), 2);

    // A sequence is not used again after a purge.
    ada.raise_alert(4).await;
    assert_eq!(
        store.alerts(ada.id(), ALL).await.unwrap().items[0].sequence,
        4
    );
}

pub(crate) async fn one_purge_deletes_no_more_than_the_limit(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    for number in 1..=5 {
        ada.advance(MILLISECOND);
        ada.take_over(number).await;
    }
    let before = START.plus(POLICY.session_lifetime);
    assert_eq!(
        store.purge(before, 2).await.unwrap(),
        Purged {
            sessions: 2,
            alerts: 2
        }
    );
    let left = store.sessions(ada.id(), ALL).await.unwrap().items;
    let left: Vec<u64> = left.iter().map(|session| session.number).collect();
    assert_eq!(left, [6, 5, 4, 3], "the oldest sessions are purged first");
    assert_eq!(
        store.purge(before, 2).await.unwrap(),
        Purged {
            sessions: 2,
            alerts: 2
        }
    );
    assert_eq!(
        store.purge(before, 2).await.unwrap(),
        Purged {
            sessions: 1,
            alerts: 1
        }
    );
    assert_eq!(store.purge(before, 2).await.unwrap(), Purged::default());
}

pub(crate) async fn sessions_that_ended_before_an_earlier_one_are_purged(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    let first = ada.active();
    // A waiting session ends when another one asks.
    for number in 1..=3 {
        ada.advance(MILLISECOND);
        ada.log_in_pending(number).await;
    }
    ada.advance(MILLISECOND);
    let waiting = ada.pending();
    let last = ada.take_over(4).await;
    let purge = async |before| store.purge(before, 100).await.unwrap().sessions;
    let left = async || {
        let sessions = store.sessions(ada.id(), ALL).await.unwrap().items;
        sessions
            .iter()
            .map(|session| session.key)
            .collect::<Vec<_>>()
    };
    assert_eq!(purge(ada.now).await, 2);
    assert_eq!(left().await, [last, waiting, first]);
    // A later purge finds what this one has left.
    assert_eq!(purge(ada.now.plus(MILLISECOND)).await, 2);
    assert_eq!(left().await, [last]);
    ada.assert_stored().await;
}
