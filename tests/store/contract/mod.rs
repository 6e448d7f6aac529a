//! The contract of [`Store`], said once for every store.
//!
//! A case is an async function that is given an empty store, or, where it has to open the store again, the
//! [`Place`] of one. [`hold_to_contract`] makes each case a test of the store that it names; a case that the table
//! below leaves out is reported by the compiler as unused.

pub mod commits;
pub mod deletion;
pub mod durability;
pub mod expiry;
pub mod hints;
pub mod purge;
pub mod reading;
pub mod round_trips;
pub mod touches;

use std::sync::Arc;

use async_trait::async_trait;
use sessiond::store::Store;

/// Where a store keeps what it holds, empty at first. Goes with its data when it is dropped.
#[async_trait]
pub trait Place: Send + Sync + Sized {
    async fn new_ids() -> Self;

    /// Opens the store. One at a time is open: the last one has been closed and dropped.
    async fn open(&self) -> Arc<dyn Store>;
}

/// Makes every case of the contract a test of the store at this kind of [`Place`].
macro_rules! hold_to_contract {
    ($place:ty) => {
        $crate::contract::each_case! {
            $place;
            given a store {
                commits {
                    a_stale_commit_is_refused_and_leaves_nothing,
                    a_commit_applied_twice_is_applied_once,
                    a_user_who_is_there_is_not_created_again,
                    a_commit_on_a_user_who_is_not_there_is_stale,
                    a_taken_number_is_refused_and_leaves_nothing,
                    of_many_commits_on_one_version_exactly_one_wins,
                    of_many_users_who_claim_one_number_exactly_one_gets_it,
                    a_commit_that_cannot_be_written_whole_leaves_nothing,
                }
                reading {
                    a_user_is_found_by_id_and_by_number,
                    the_active_and_the_pending_session_are_read_with_the_user,
                    a_token_finds_its_session_though_it_has_ended,
                    a_token_finds_nothing_under_another_user,
                    a_session_is_found_only_under_its_user,
                    sessions_by_key_keep_the_order_and_the_gaps,
                    sessions_are_paged_newest_first,
                    sessions_are_counted,
                    alerts_are_paged_newest_first,
                    alerts_after_one_are_read_in_order,
                    an_alert_is_found_by_its_id,
                }
                round_trips {
                    every_text_keeps_its_characters_and_its_length,
                    every_address_reads_back,
                    every_kind_of_alert_reads_back,
                    every_way_to_end_reads_back,
                    the_far_ends_of_time_read_back,
                }
                touches {
                    a_touch_moves_the_last_request_forward_and_never_back,
                    a_touch_passes_over_sessions_that_ended_or_never_were,
                    a_touch_never_makes_a_commit_stale,
                    a_commit_never_moves_the_last_request_back,
                    a_session_seen_since_does_not_expire_unseen,
                    a_session_not_seen_since_expires_unseen,
                }
                expiry {
                    users_are_overdue_from_the_millisecond_of_their_limit,
                    the_longest_overdue_come_first,
                    a_touch_puts_off_idleness_but_not_the_lifetime,
                    an_approved_session_is_no_longer_overdue_for_approval,
                }
                hints {
                    a_commit_is_hinted_once_it_can_be_read,
                    every_listener_hears_every_change,
                    a_deleted_user_is_hinted,
                    what_changes_nothing_is_not_hinted,
                }
                purge {
                    only_what_is_old_and_over_is_forgotten,
                    no_more_than_the_limit_is_forgotten_at_once,
                }
                deletion {
                    a_deleted_user_is_gone_with_everything_and_its_number_is_free,
                    deleting_nobody_says_so,
                    a_commit_on_a_deleted_user_is_stale,
                }
            }
            given a place {
                durability {
                    what_was_acknowledged_is_there_after_closing_and_opening,
                    a_closed_store_refuses_to_write,
                    an_open_store_answers_a_ping,
                }
            }
        }
    };
}

/// The tests themselves: all that [`hold_to_contract`] writes about a case besides its name.
macro_rules! each_case {
    (
        $place:ty;
        given a store { $($theme:ident { $($case:ident,)+ })+ }
        given a place { $($place_theme:ident { $($place_case:ident,)+ })+ }
    ) => {
        $(mod $theme {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let place = <$place as $crate::contract::Place>::new_ids().await;
                let store = $crate::contract::Place::open(&place).await;
                $crate::contract::$theme::$case(std::sync::Arc::clone(&store)).await;
                store.close().await;
            })+
        })+
        $(mod $place_theme {
            use super::*;
            $(#[tokio::test]
            async fn $place_case() {
                let place = <$place as $crate::contract::Place>::new_ids().await;
                $crate::contract::$place_theme::$place_case(&place).await;
            })+
        })+
    };
}

pub(crate) use {each_case, hold_to_contract};
