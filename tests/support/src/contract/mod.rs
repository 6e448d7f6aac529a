//! The contract of `Store`: test cases that every store must pass.
//!
//! A case is an async function. Its argument is an empty store, or a [`StoreFactory`] if the case
//! reopens the store. To add a case, write the function in the module of its subject and add its
//! name to the table in `contract_cases!`. The compiler reports a case that the table lacks as
//! unused.

mod changes;
mod commits;
mod deletion;
mod durability;
mod expiry;
mod feed;
mod login_history;
mod purge;
mod reading;
mod renewal;
mod round_trips;
mod set_back;
mod summaries;
mod touches;
mod webhooks;

use std::sync::Arc;

use async_trait::async_trait;
use sessiond::store::Store;

pub use self::changes::later_changes;

/// An empty database for one test. It is deleted when the factory is dropped.
#[async_trait]
pub trait StoreFactory: Send + Sync + Sized {
    /// Creates the database.
    async fn create() -> Self;

    /// Opens the store. A test must close and drop the store before it reopens it.
    async fn open(&self) -> Arc<dyn Store>;
}

/// The table of all cases, passed to a macro after the arguments in parentheses.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_cases {
    ([$($macro:tt)*] ($($arguments:tt)*)) => {
        $($macro)*! {
            ($($arguments)*)
            with a store {
                commits {
                    a_stale_commit_is_rejected_and_changes_nothing,
                    a_repeated_commit_is_applied_once,
                    a_second_registration_of_a_user_is_stale,
                    a_commit_on_an_unknown_user_is_stale,
                    a_fenced_user_can_be_changed,
                    a_taken_mobile_number_is_rejected_and_changes_nothing,
                    of_many_commits_on_one_version_exactly_one_succeeds,
                    of_many_users_with_one_number_exactly_one_is_registered,
                    a_commit_that_fails_in_part_changes_nothing,
                }
                reading {
                    a_user_is_found_by_id_and_by_number,
                    a_number_in_a_former_form_is_read_as_it_was_stored,
                    the_active_and_the_pending_session_are_read_with_the_user,
                    a_token_finds_its_session_even_if_the_session_has_ended,
                    a_token_finds_nothing_under_another_user,
                    a_session_is_found_only_under_its_user,
                    sessions_by_key_keep_the_order_of_the_keys_and_are_none_if_unknown,
                    sessions_are_paged_newest_first,
                    sessions_are_counted,
                    alerts_are_paged_newest_first,
                    alerts_after_a_sequence_are_read_in_order,
                    an_alert_is_found_by_its_id,
                }
                round_trips {
                    every_text_keeps_its_characters_and_its_length,
                    every_address_reads_back,
                    an_address_that_was_stored_as_ipv4_mapped_reads_back_as_ipv4,
                    every_kind_of_alert_reads_back,
                    every_alert_window_reads_back,
                    every_end_reason_reads_back,
                    extreme_times_read_back,
                }
                login_history {
                    every_part_of_a_login_history_reads_back,
                    every_freeze_reads_back,
                    the_number_of_a_waiting_session_reads_back_until_it_ends,
                    a_question_ends_in_the_commit_that_ends_its_holder,
                    a_freeze_is_committed_with_the_ends_of_the_sessions,
                }
                touches {
                    a_touch_moves_the_last_seen_time_forward_and_never_back,
                    a_touch_ignores_ended_and_unknown_sessions,
                    a_touch_never_makes_a_commit_stale,
                    a_commit_never_moves_the_last_seen_time_back,
                    a_session_seen_after_the_decision_does_not_expire,
                    a_session_not_seen_after_the_decision_expires,
                }
                expiry {
                    users_are_overdue_from_the_millisecond_of_their_limit,
                    the_user_who_is_overdue_longest_comes_first,
                    a_touch_extends_the_idle_timeout_but_not_the_lifetime,
                    an_approved_session_is_no_longer_overdue_for_approval,
                }
                renewal {
                    a_renewal_replaces_the_token_and_the_description_of_the_device,
                    a_renewed_session_is_approved_and_expires_as_any_other,
                    a_stale_renewal_is_rejected_and_changes_nothing,
                    a_renewal_after_the_clock_is_set_back_lowers_the_deadline,
                }
                summaries {
                    users_with_folded_logins_are_found_by_the_time_of_their_summary,
                    a_reported_user_is_not_found_again,
                }
                set_back {
                    users_seen_after_an_instant_are_found_page_by_page,
                    sessions_that_are_set_back_expire_after_their_whole_limits,
                    a_command_after_the_clock_is_set_back_lowers_what_it_changes,
                }
                changes {
                    a_commit_is_announced_when_it_can_be_read,
                    every_listener_receives_every_change,
                    a_deletion_is_announced,
                    a_command_without_effect_is_not_announced,
                }
                feed {
                    a_reader_receives_what_each_commit_has_changed,
                    a_reader_continues_at_any_position_without_a_gap,
                    a_reader_from_the_end_of_the_feed_receives_the_next_commit,
                    readers_do_not_disturb_each_other,
                    a_position_that_was_never_in_the_feed_is_expired,
                    users_are_listed_page_by_page,
                }
                webhooks {
                    each_sender_of_webhooks_has_the_next_epoch,
                    the_progress_of_a_sender_is_what_the_next_one_continues_with,
                    a_sender_whose_lease_was_taken_can_neither_write_nor_renew,
                }
                purge {
                    only_old_ended_sessions_and_old_alerts_are_purged,
                    one_purge_deletes_no_more_than_the_limit,
                    sessions_that_ended_before_an_earlier_one_are_purged,
                }
                deletion {
                    a_deletion_removes_everything_and_frees_the_number,
                    deleting_an_unknown_user_returns_false,
                    a_commit_on_a_deleted_user_is_stale,
                }
            }
            with a factory {
                durability {
                    acknowledged_commits_survive_closing_and_reopening,
                    a_closed_store_rejects_writes,
                    a_ping_of_an_open_store_succeeds,
                    a_position_of_the_feed_is_valid_after_the_store_was_reopened,
                    the_progress_of_a_sender_survives_closing_and_reopening,
                    the_clock_mark_survives_closing_and_reopening,
                }
            }
        }
    };
}

/// Generates one test for each case of the contract. The tests use the stores that this type of
/// [`StoreFactory`] opens.
#[macro_export]
macro_rules! store_contract_tests {
    ($factory:ty) => {
        $crate::contract_cases! { [$crate::contract_tests] ($factory) }
    };
}

/// Generates a test for each case of the table.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_tests {
    (
        ($factory:ty)
        with a store { $($subject:ident { $($case:ident,)+ })+ }
        with a factory { $($factory_subject:ident { $($factory_case:ident,)+ })+ }
    ) => {
        $(mod $subject {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let factory = <$factory as $crate::contract::StoreFactory>::create().await;
                let store = $crate::contract::StoreFactory::open(&factory).await;
                $crate::contract::cases::$subject::$case(std::sync::Arc::clone(&store)).await;
                store.close().await;
            })+
        })+
        $(mod $factory_subject {
            use super::*;
            $(#[tokio::test]
            async fn $factory_case() {
                let factory = <$factory as $crate::contract::StoreFactory>::create().await;
                $crate::contract::cases::$factory_subject::$factory_case(&factory).await;
            })+
        })+
    };
}

/// Generates a public function for each case of the table. The cases themselves are private, so
/// that the compiler can report an unused one.
macro_rules! public_cases {
    (
        ()
        with a store { $($subject:ident { $($case:ident,)+ })+ }
        with a factory { $($factory_subject:ident { $($factory_case:ident,)+ })+ }
    ) => {
        /// The cases of the contract, by subject.
        #[doc(hidden)]
        pub mod cases {
            $(#[doc(hidden)]
            pub mod $subject {
                use std::sync::Arc;
                use sessiond::store::Store;
                $(#[doc(hidden)]
                pub async fn $case(store: Arc<dyn Store>) {
                    $crate::contract::$subject::$case(store).await;
                })+
            })+
            $(#[doc(hidden)]
            pub mod $factory_subject {
                use $crate::contract::StoreFactory;
                $(#[doc(hidden)]
                pub async fn $factory_case(factory: &impl StoreFactory) {
                    $crate::contract::$factory_subject::$factory_case(factory).await;
                })+
            })+
        }
    };
}

crate::contract_cases! { [public_cases] () }
