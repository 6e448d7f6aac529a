use std::{sync::Arc, time::Duration};

use sessiond::store::{Page, Purged, Store};

use crate::fixtures::{POLICY, Person, START};

const MILLISECOND: Duration = Duration::from_millis(1);
const ALL: Page = Page {
    before: None,
    limit: 100,
};

pub async fn only_what_is_old_and_over_is_forgotten(store: Arc<dyn Store>) {
    let mut ada = Person::registered(&store, 1).await;
    let old = ada.active();
    ada.wait(POLICY.idle_timeout / 2);
    let replaced = ada.take_over(1).await;
    let first_end = ada.now;
    ada.wait(POLICY.idle_timeout / 2);
    let active = ada.take_over(2).await;
    let pending = ada.ask(3).await;

    // What ended or was raised at that very instant is not older than it.
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
        "the log starts later"
    );

    // However old, what has not been recorded as ended stays, and so does the user.
    store
        .purge(ada.now.plus(POLICY.session_lifetime * 100), 100)
        .await
        .unwrap();
    assert_eq!(
        store.user(ada.id()).await.unwrap().as_ref(),
        Some(&ada.state)
    );
    assert_eq!(store.count_sessions(ada.id()).await.unwrap(), 2);

    // Numbers go on where they were, though what had them is forgotten.
    ada.refuse(4).await;
    assert_eq!(
        store.alerts(ada.id(), ALL).await.unwrap().items[0].sequence,
        4
    );
}

pub async fn no_more_than_the_limit_is_forgotten_at_once(store: Arc<dyn Store>) {
    let mut ada = Person::registered(&store, 1).await;
    for number in 1..=5 {
        ada.wait(MILLISECOND);
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
    assert_eq!(left, [6, 5, 4, 3], "the oldest go first");
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
