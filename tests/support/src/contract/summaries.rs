//! Finding the users whose folded logins are to be reported.

use std::{num::NonZeroU32, ops::RangeInclusive, sync::Arc, time::Duration};

use sessiond::{
    domain::{
        AlertWindow, Timestamp, UserId,
        rules::{Context, OnConflict, Policy, log_in, report_folded},
    },
    store::Store,
};

use crate::{
    StoreLists,
    fixtures::{POLICY, START, StoredUser, commit, device, new_ids},
};

/// One alert a minute.
const BOUNDED: Policy = Policy {
    max_alerts_per_minute: NonZeroU32::MIN,
    ..POLICY
};

/// Refuses logins on three devices. The first one raises an alert, and the others are folded.
async fn fold(user: &mut StoredUser) {
    for number in 1..=3 {
        let context = Context {
            now: user.now,
            policy: &BOUNDED,
        };
        let login = sessiond::domain::rules::Login {
            device: device(number),
            on_conflict: OnConflict::Reject,
            by_service: true,
            is_new_place: None,
            is_elsewhere: false,
        };
        let (transition, _) = log_in(&user.state, login, new_ids(user.id()), context)
            .expect("a refused login is folded");
        user.store
            .commit(commit(&transition, user.state.version))
            .await
            .unwrap();
        user.state = transition.next;
    }
    user.assert_stored().await;
}

async fn due(store: &Arc<dyn Store>, range: RangeInclusive<Timestamp>) -> Vec<UserId> {
    store.summaries_due(range, 100).await.unwrap()
}

pub(crate) async fn users_with_folded_logins_are_found_by_the_time_of_their_summary(
    store: Arc<dyn Store>,
) {
    let ever = Timestamp::from_millis(i64::MIN)..=Timestamp::from_millis(i64::MAX);
    // A user whose alerts are counted, and who has no folded logins.
    let mut quiet = StoredUser::register(&store, 9).await;
    quiet.raise_alert(1).await;
    assert_eq!(due(&store, ever.clone()).await, []);

    let mut users = Vec::new();
    // The users have one order by registration, another one by time, and a third one by id.
    for second in [2_u32, 0, 1] {
        let at = START.plus(second * Duration::from_secs(1));
        let mut user = StoredUser::register_at(&store, 8 - second, at).await;
        fold(&mut user).await;
        users.push((second, user.id()));
    }
    users.sort_unstable_by_key(|(second, _)| *second);
    let expected: Vec<UserId> = users.into_iter().map(|(_, id)| id).collect();
    assert_eq!(due(&store, ever.clone()).await, expected);
    assert_eq!(
        store.summaries_due(ever.clone(), 2).await.unwrap(),
        expected[..2]
    );
    assert_eq!(store.summaries_due(ever, 0).await.unwrap(), []);
    let first = START.plus(AlertWindow::LENGTH);
    let last = first.plus(Duration::from_secs(2));
    let millisecond = Duration::from_millis(1);
    assert_eq!(due(&store, first..=last).await, expected);
    assert_eq!(
        due(&store, first.plus(millisecond)..=last).await,
        expected[1..]
    );
    assert_eq!(
        due(&store, first..=last.minus(millisecond)).await,
        expected[..2]
    );
}

pub(crate) async fn a_reported_user_is_not_found_again(store: Arc<dyn Store>) {
    let mut ada = StoredUser::register(&store, 1).await;
    fold(&mut ada).await;
    ada.advance(AlertWindow::LENGTH);
    assert_eq!(due(&store, START..=ada.now).await, [ada.id()]);
    ada.change(report_folded).await;
    ada.assert_stored().await;
    assert_eq!(
        due(&store, START..=ada.now.plus(AlertWindow::LENGTH)).await,
        []
    );
    let last = store.alerts_after(ada.id(), 1, 9).await.unwrap();
    let counts: Vec<u32> = last.iter().map(|alert| alert.folded_count).collect();
    assert_eq!(counts, [2]);
}
