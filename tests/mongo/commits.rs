//! Commits to a MongoDB store.

use std::{sync::Arc, time::Duration};

use sessiond::{
    domain::rules::{OnConflict, SessionWrite},
    store::{CommitError, Store, Touch},
};

use sessiond_test_support::{
    MongoDatabase, StoreLists,
    fixtures::{
        ALL, POLICY, START, active, commit_with_retries, expiry, login, logout, new_ids,
        registration, take_over, unique_mobile,
    },
};
use tokio::task::JoinSet;

/// Each change may be committed before or after another node fences the user.
#[tokio::test]
async fn a_fenced_user_makes_decisions_stale_and_keeps_what_was_committed() {
    let database = MongoDatabase::new().await;
    let store = database.open_store().await;
    let registration = registration(unique_mobile());
    let id = registration.user.owner.id;
    store.commit(registration).await.unwrap();
    for round in 0..20 {
        let state = store.user(id).await.unwrap().unwrap();
        let busy = take_over(&state, &format!("busy {round}"));
        store.commit(busy).await.unwrap();
        let state = store.user(id).await.unwrap().unwrap();
        let outrun = take_over(&state, &format!("outrun {round}"));
        let fenced = store.fenced_user(id).await.unwrap().unwrap();
        assert_eq!(fenced.version, state.version + 1);
        let outcome = store.commit(outrun).await;
        assert!(matches!(outcome, Err(CommitError::Stale)));
        // Another node that is outrun gets the same state.
        let again = store.fenced_user(id).await.unwrap();
        assert_eq!(again.as_ref(), Some(&fenced));

        let commit = take_over(&fenced, &format!("device {round}"));
        store.commit(commit.clone()).await.unwrap();
        store.fenced_user(id).await.unwrap();
        // The response to the commit was lost, so it is sent again.
        store.commit(commit).await.unwrap();
    }
    assert_eq!(store.count_sessions(id).await.unwrap(), 41);
    assert_eq!(store.alerts(id, ALL).await.unwrap().items.len(), 40);
}

#[tokio::test]
async fn a_user_reads_back_as_committed_in_every_state() {
    let database = MongoDatabase::new().await;
    let store = database.open_store().await;
    let mut commits = vec![registration(unique_mobile())];
    let id = commits[0].user.owner.id;
    for on_conflict in [
        OnConflict::Reject,
        OnConflict::Ask,
        OnConflict::TakeOver,
        OnConflict::Ask,
    ] {
        let state = &commits.last().unwrap().user;
        commits.push(login(
            state,
            &format!("device {}", commits.len()),
            on_conflict,
        ));
    }
    commits.push(logout(&commits.last().unwrap().user));
    for commit in &commits {
        store.commit(commit.clone()).await.unwrap();
        assert_eq!(store.user(id).await.unwrap().unwrap(), commit.user);
        assert_eq!(
            store
                .user_by_mobile(&commit.user.owner.mobile)
                .await
                .unwrap()
                .unwrap(),
            commit.user
        );
    }
    let mut alerts: Vec<_> = commits
        .iter()
        .flat_map(|commit| commit.alerts.clone())
        .collect();
    assert_eq!(store.alerts_after(id, 0, 100).await.unwrap(), alerts);
    alerts.reverse();
    assert_eq!(store.alerts(id, ALL).await.unwrap().items, alerts);
    // The store returns each session as its last write.
    let sessions = store.sessions(id, ALL).await.unwrap().items;
    assert_eq!(
        store.count_sessions(id).await.unwrap(),
        sessions.len() as u64
    );
    for session in &sessions {
        let mut writes = commits
            .iter()
            .flat_map(|commit| &commit.sessions)
            .map(SessionWrite::session);
        let last = writes.rfind(|written| written.key == session.key).unwrap();
        assert_eq!(session, last);
        assert_eq!(
            store.session(id, session.key).await.unwrap().as_ref(),
            Some(last)
        );
        assert_eq!(
            store
                .session_by_token(id, &session.token_hash)
                .await
                .unwrap()
                .as_ref(),
            Some(last)
        );
    }
    let keys: Vec<_> = sessions
        .iter()
        .map(|session| session.key)
        .chain([new_ids(id).session])
        .collect();
    let found = store.sessions_by_key(&keys).await.unwrap();
    assert_eq!(found.len(), keys.len());
    assert!(found.last().unwrap().is_none());
    assert_eq!(found.into_iter().flatten().collect::<Vec<_>>(), sessions);
    store.close().await;
}

#[tokio::test]
async fn of_64_commits_on_one_version_exactly_one_is_applied() {
    let database = MongoDatabase::new().await;
    let stores = [
        Arc::new(database.open_store().await),
        Arc::new(database.open_store().await),
    ];
    let first = registration(unique_mobile());
    let id = first.user.owner.id;
    stores[0].commit(first).await.unwrap();
    for round in 0..5 {
        let state = stores[0].user(id).await.unwrap().unwrap();
        let mut racers = JoinSet::new();
        for racer in 0..64 {
            let store = Arc::clone(&stores[racer % 2]);
            let commit = take_over(&state, &format!("round {round} racer {racer}"));
            racers.spawn(async move { commit_with_retries(&*store, commit).await });
        }
        let mut applied = 0;
        for outcome in racers.join_all().await {
            match outcome {
                Ok(()) => applied += 1,
                Err(CommitError::Stale) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(applied, 1);
        let after = stores[1].user(id).await.unwrap().unwrap();
        assert_eq!(after.version, state.version + 1);
        assert_eq!(
            stores[1].count_sessions(id).await.unwrap(),
            after.sessions_opened
        );
    }
}

#[tokio::test]
async fn a_repeated_commit_changes_nothing_even_after_later_commits() {
    let database = MongoDatabase::new().await;
    let store = database.open_store().await;
    let first = registration(unique_mobile());
    let id = first.user.owner.id;
    store.commit(first.clone()).await.unwrap();
    store.commit(first.clone()).await.unwrap();
    let second = take_over(&first.user, "second");
    store.commit(second.clone()).await.unwrap();
    store.commit(second.clone()).await.unwrap();
    let third = take_over(&second.user, "third");
    store.commit(third.clone()).await.unwrap();
    store.commit(first).await.unwrap();
    store.commit(second).await.unwrap();
    assert_eq!(store.user(id).await.unwrap().unwrap(), third.user);
    assert_eq!(store.count_sessions(id).await.unwrap(), 3);
}

#[tokio::test]
async fn of_16_concurrent_registrations_of_one_number_one_is_applied_and_the_others_leave_nothing()
{
    let database = MongoDatabase::new().await;
    let store = Arc::new(database.open_store().await);
    let number = unique_mobile();
    let commits: Vec<_> = (0..16).map(|_| registration(number.clone())).collect();
    let racers: Vec<_> = commits
        .iter()
        .cloned()
        .map(|commit| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { commit_with_retries(&*store, commit).await })
        })
        .collect();
    let mut owners = Vec::new();
    for (racer, commit) in racers.into_iter().zip(&commits) {
        match racer.await.unwrap() {
            Ok(()) => owners.push(commit.user.owner.id),
            Err(CommitError::MobileTaken) => {
                let id = commit.user.owner.id;
                assert!(store.user(id).await.unwrap().is_none());
                assert_eq!(store.count_sessions(id).await.unwrap(), 0);
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(owners.len(), 1);
    let owner = store.user_by_mobile(&number).await.unwrap().unwrap();
    assert_eq!(owner.owner.id, owners[0]);
    // After a deletion the mobile number may be registered again.
    assert!(store.delete_user(owners[0]).await.unwrap());
    assert!(!store.delete_user(owners[0]).await.unwrap());
    assert_eq!(store.count_sessions(owners[0]).await.unwrap(), 0);
    store.commit(registration(number)).await.unwrap();
}

#[tokio::test]
async fn a_session_that_is_seen_after_the_decision_does_not_expire() {
    let database = MongoDatabase::new().await;
    let store = database.open_store().await;
    let first = registration(unique_mobile());
    let (id, session) = (first.user.owner.id, active(&first.user).clone());
    store.commit(first.clone()).await.unwrap();
    let late = START.plus(POLICY.idle_timeout);
    assert_eq!(
        store
            .overdue(late.minus(Duration::from_millis(1)), 10)
            .await
            .unwrap(),
        []
    );
    assert_eq!(store.overdue(late, 10).await.unwrap(), [id]);
    let early = expiry(&first.user, late);

    let seen = START.plus(Duration::from_mins(1));
    let touch = |at| {
        [Touch {
            user: id,
            session: session.key,
            at,
        }]
    };
    store.touch(&touch(seen)).await.unwrap();
    store.touch(&touch(START)).await.unwrap();
    let state = store.user(id).await.unwrap().unwrap();
    assert_eq!(state.version, first.user.version);
    assert_eq!(active(&state).last_seen_at, seen);
    assert!(matches!(store.commit(early).await, Err(CommitError::Stale)));
    assert_eq!(store.overdue(late, 10).await.unwrap(), []);

    let late = seen.plus(POLICY.idle_timeout);
    assert_eq!(store.overdue(late, 10).await.unwrap(), [id]);
    let expiry = expiry(&state, late);
    store.commit(expiry.clone()).await.unwrap();
    assert_eq!(store.user(id).await.unwrap().unwrap(), expiry.user);
    assert_eq!(store.overdue(late, 10).await.unwrap(), []);
    // A touch does not change an ended session.
    store.touch(&touch(late)).await.unwrap();
    assert_eq!(
        store
            .session(id, session.key)
            .await
            .unwrap()
            .unwrap()
            .last_seen_at,
        seen
    );
}

#[tokio::test]
async fn old_data_is_purged_in_limited_batches() {
    let database = MongoDatabase::new().await;
    let store = database.open_store().await;
    let mut commit = registration(unique_mobile());
    let id = commit.user.owner.id;
    store.commit(commit.clone()).await.unwrap();
    for number in 2..=6 {
        commit = take_over(&commit.user, &format!("device {number}"));
        store.commit(commit.clone()).await.unwrap();
    }
    let counts = |purged: sessiond::store::Purged| (purged.sessions, purged.alerts);
    assert_eq!(counts(store.purge(START, 3).await.unwrap()), (0, 0));
    let later = START.plus(Duration::from_millis(1));
    assert_eq!(counts(store.purge(later, 3).await.unwrap()), (3, 3));
    let (one, other) = tokio::join!(store.purge(later, 3), store.purge(later, 3));
    let (one, other) = (counts(one.unwrap()), counts(other.unwrap()));
    assert_eq!((one.0 + other.0, one.1 + other.1), (2, 2));
    assert_eq!(store.count_sessions(id).await.unwrap(), 1);
    assert_eq!(store.user(id).await.unwrap().unwrap(), commit.user);
}
