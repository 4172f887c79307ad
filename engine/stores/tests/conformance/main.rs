//! What every store keeps to, run against memory, SQLite and PostgreSQL alike.
//!
//! A claim is a function that takes [`Stores`]; the macro at the end makes it a test for each kind of store.

#![expect(clippy::unwrap_used, reason = "a test ends where its ground gives way")]

mod agreement;
mod claims;
mod deliveries;
mod effects;
mod handles;
mod leases;
mod logs;
mod memos;
mod projects;
mod retention;
mod room;
mod runs;
mod sample;
mod steps;
mod tokens;

use engine_ports::{ProjectStore, RunStore, TokenStore};
use engine_stores::{
    MemoryProjectStore, MemoryRunStore, MemoryTokenStore, SqlDatabase, SqlProjectStore, SqlRunStore,
    SqlTokenStore,
};
use migrations::{Database, Options, PgDatabase, PgOptions, Schema};

/// Empty stores of one kind.
struct Stores {
    runs: Box<dyn RunStore>,
    projects: Box<dyn ProjectStore>,
    tokens: Box<dyn TokenStore>,
    /// Keeps the files of a database until the test ends.
    _folder: Option<tempfile::TempDir>,
}

impl Stores {
    fn memory() -> Self {
        Self {
            runs: Box::new(MemoryRunStore::new()),
            projects: Box::new(MemoryProjectStore::new()),
            tokens: Box::new(MemoryTokenStore::new()),
            _folder: None,
        }
    }

    async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.db");
        let database = Database::open(path, Schema::Engine, Options::default()).await.unwrap();
        Self { _folder: Some(folder), ..Self::on(database.into()) }
    }

    /// On a server that is there already, or `None` where there is no PostgreSQL.
    async fn postgres(test: &str) -> Option<Self> {
        let address = test_parts::postgres(test)?.database();
        Some(Self::on(PgDatabase::open(&address, PgOptions::default()).await.unwrap().into()))
    }

    fn on(database: SqlDatabase) -> Self {
        Self {
            runs: Box::new(SqlRunStore::new(database.clone())),
            projects: Box::new(SqlProjectStore::new(database.clone())),
            tokens: Box::new(SqlTokenStore::new(database)),
            _folder: None,
        }
    }
}

macro_rules! claims {
    ($($module:ident: $($claim:ident),+;)+) => {
        mod memory {
            $($(
                #[tokio::test]
                async fn $claim() {
                    super::$module::$claim(&super::Stores::memory()).await;
                }
            )+)+
        }

        mod sqlite {
            $($(
                #[tokio::test]
                async fn $claim() {
                    super::$module::$claim(&super::Stores::sqlite().await).await;
                }
            )+)+
        }

        mod postgres {
            $($(
                #[tokio::test]
                async fn $claim() {
                    let test = concat!("postgres::", stringify!($claim));
                    if let Some(stores) = super::Stores::postgres(test).await {
                        super::$module::$claim(&stores).await;
                    }
                }
            )+)+
        }
    };
}

claims! {
    room:
        a_run_keeps_its_group_and_its_parent,
        runs_that_share_room_are_found_oldest_first,
        a_run_shares_room_until_nothing_is_left_to_do_in_it,
        tenants_of_which_a_run_waits_are_named_once,
        the_run_of_a_delivery_is_found_before_another_is_made;
    runs:
        a_run_reads_back_whole,
        rows_are_put_in_the_place_of_others,
        every_run_is_listed_by_id,
        numbers_come_back_to_the_last_bit,
        a_commit_at_the_wrong_event_writes_nothing,
        a_commit_that_contradicts_itself_is_refused,
        a_commit_for_a_run_that_is_not_there_is_refused,
        a_commit_in_the_name_of_another_tenant_is_refused,
        of_two_commits_at_the_same_event_one_wins,
        an_id_is_given_once,
        the_same_origin_starts_one_run,
        racing_deliveries_start_one_run,
        an_origin_belongs_to_its_project_and_tenant,
        who_a_run_is_never_changes,
        runs_share_a_plan,
        another_tenant_sees_no_run,
        pages_walk_every_run_once,
        filters_keep_what_they_name,
        unfinished_runs_come_oldest_first,
        events_come_in_order_and_in_parts;
    leases:
        a_lost_lease_refuses_the_whole_commit,
        a_later_grant_takes_the_step_over,
        a_lease_that_was_given_up_cannot_be_renewed,
        a_lease_moves_on_within_one_commit,
        a_lease_that_came_and_went_within_one_commit_leaves_nothing,
        a_lease_names_an_event_that_exists,
        renewal_extends_the_workers_own_leases_only;
    claims:
        runs_are_claimed_once_and_oldest_first,
        two_claimants_never_get_the_same_run,
        a_claim_that_is_over_is_taken_over,
        a_late_renewal_does_not_shorten_a_claim,
        a_claim_that_was_given_up_is_free,
        a_finished_run_is_not_claimed_and_goes_with_its_claim,
        a_new_run_is_claimed_for_its_creator,
        who_lost_a_run_writes_nothing_to_it,
        one_run_is_claimed_when_it_is_free_or_ones_own,
        a_request_waits_for_whoever_holds_the_run,
        requests_go_with_their_run;
    steps:
        a_step_is_written_over,
        steps_come_by_position_and_number;
    effects:
        effects_come_in_journal_order,
        an_effect_is_written_over,
        stuck_effects_are_counted_over_all_runs;
    logs:
        the_first_record_of_a_log_stays,
        logs_come_by_attempt_and_belong_to_their_step,
        a_log_needs_its_run;
    retention:
        a_removed_run_leaves_nothing,
        a_plan_goes_with_its_last_run,
        an_unfinished_run_is_never_removed,
        a_run_with_open_effects_is_never_removed,
        finished_runs_come_by_their_end_and_in_parts,
        newer_runs_are_those_of_the_same_workflow_and_project,
        only_concluded_deliveries_are_forgotten;
    memos:
        the_first_entry_of_a_key_stays,
        entries_are_not_shared_between_tenants_and_scopes,
        a_forgotten_entry_is_gone,
        entries_that_nobody_uses_are_found;
    projects:
        a_name_is_taken_once_in_a_tenant,
        a_projects_settings_are_replaced,
        of_two_changes_of_a_project_none_is_lost,
        only_its_tenant_changes_a_project,
        a_removed_project_leaves_its_name,
        pages_walk_every_project_once;
    deliveries:
        a_redelivery_is_recognized,
        a_redelivery_gets_the_first_answer,
        a_delivery_needs_its_project,
        what_is_pending_comes_oldest_first,
        what_is_pending_is_counted_over_all_projects,
        a_removed_project_takes_its_deliveries_along;
    tokens:
        a_token_is_found_by_its_hash_only,
        a_hash_is_taken_once,
        replacing_ends_every_other_token_of_the_user,
        replacing_a_token_by_itself_keeps_it,
        replacing_by_the_hash_of_somebody_else_changes_nothing;
}
