//! A subscriber reads the user and then the log. Commits between the two reads must not show it
//! more of the log than the user that it has read allows.

use std::{sync::mpsc, time::Duration};

use futures_util::{FutureExt, StreamExt};
use sessiond::{alerts::AlertStreamError, domain::rules::Decision};
use sessiond_test_support::{
    fixtures::{POLICY, StoredUser},
    within_deadline,
};

use crate::routed_store::{RoutedStore, pending, raise_alerts};

/// More alerts than the store reads on the calling thread.
const ALERTS: usize = 30;

#[test]
fn a_renewed_session_whose_approval_is_committed_while_the_log_is_read_is_not_shown_to_the_old_token()
 {
    // The only thread for long reads is busy until `release` is sent.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = RoutedStore::start();
        let mut ada = StoredUser::register(&store.store, 1).await;
        raise_alerts(&mut ada, ALERTS).await;
        ada.log_in_pending(2).await;
        let mut stream = store.subscribe_after(&ada, pending(&ada), 0);
        let (release, released) = mpsc::channel::<()>();
        let busy = tokio::task::spawn_blocking(move || released.recv());

        // Reads the user, and waits for the log.
        assert!(stream.next().now_or_never().is_none());
        ada.advance(Duration::from_secs(1));
        ada.log_in_pending(2).await;
        ada.decide_pending_login(Decision::Approve).await;
        // The rest of the log, with the approval, has fewer alerts than the user had.
        let old = ada.now.minus(POLICY.alert_cooldown * 5);
        let purged = store.store.purge(old, 1000).await.unwrap();
        assert!(purged.alerts > 20, "{purged:?}");
        release.send(()).unwrap();
        busy.await.unwrap().unwrap();

        let read: Vec<_> = within_deadline(stream.collect()).await;
        assert!(matches!(read[..], [Err(AlertStreamError::Purged)]));
        store.stop().await;
    });
}
