//! The list of all scenarios.

/// Runs every scenario for a harness, each as a test of its own. A function that is named
/// with it runs each within something of its own, a task-local value say: another harness
/// would be compiled as a whole.
#[macro_export]
macro_rules! suite {
    ($harness:ty) => {
        $crate::suite!($harness, $crate::alone);
    };
    ($harness:ty, $within:path) => {
        $crate::suite!($harness, $within, claims: [
            each_claim_raises_the_epoch_and_takes_over,
            another_deployments_claim_is_refused_and_changes_nothing,
            a_partition_without_a_start_is_not_claimed,
            a_position_that_is_lost_is_not_begun_again,
            a_start_that_was_not_noted_is_noted_by_the_next_claim_or_set,
            a_release_gives_back_its_own_claim_alone,
            a_heartbeat_is_of_its_own_partitions_alone,
            a_topics_id_is_remembered_once_and_under_a_standing_claim,
        ]);
        $crate::suite!($harness, $within, fences: [
            an_owner_that_was_overtaken_changes_nothing,
            an_owner_whose_position_was_set_changes_nothing,
            an_older_claim_of_the_same_process_writes_nothing,
            another_owner_of_the_same_epoch_writes_nothing,
            a_batch_that_begins_elsewhere_than_the_position_writes_nothing,
            a_claim_that_was_given_back_writes_nothing,
            a_successor_goes_on_where_the_position_stands,
        ]);
        $crate::suite!($harness, $within, groups: [
            a_commit_of_several_partitions_moves_all_of_them,
            letters_of_several_partitions_are_kept_by_their_places,
            a_fence_names_those_whom_it_refuses_and_nothing_is_written,
            a_bad_record_of_one_partition_leaves_nothing_of_the_others,
            one_key_of_several_partitions_is_one_row,
            rows_of_several_partitions_are_appended_together,
        ]);
        $crate::suite!($harness, $within, dead_letters: [
            letters_and_rows_of_one_batch_are_kept_together,
            whatever_a_record_holds_its_dead_letter_is_kept,
            a_letter_of_a_second_rejection_replaces_the_first,
            letters_are_listed_by_the_page_in_the_order_of_their_places,
            letters_are_found_by_topic_partition_and_offset,
            dropped_letters_are_counted_and_noted,
            letters_of_a_partition_whose_position_is_lost_are_there,
            a_batch_that_is_refused_leaves_no_letter,
        ]);
        $crate::suite!($harness, $within, made: [
            a_table_that_is_made_takes_a_row_of_every_kind,
            a_table_that_is_there_is_not_made_again,
            a_table_is_made_and_grows_only_for_who_has_the_claim,
        ]);
        $crate::suite!($harness, $within, positions: [
            a_start_is_settled_once,
            configured_starts_are_written_for_all_partitions_or_for_none,
            positions_are_listed_in_order_with_all_that_is_known,
            a_live_owner_is_fenced_by_force_alone,
            a_position_that_does_not_stand_is_made_and_is_not_kept_where_it_is,
            a_position_of_another_deployment_is_taken_over_on_demand_alone,
            what_operators_do_is_kept_in_its_order,
        ]);
        $crate::suite!($harness, $within, replay: [
            a_replay_writes_rows_and_takes_their_letters_in_pieces,
            many_letters_are_replayed_piece_by_piece,
            a_letter_without_a_row_and_one_of_several_are_replayed_whole,
            a_replay_without_its_letter_writes_nothing,
            a_replay_ahead_of_the_position_writes_nothing,
            a_replay_never_wins_over_a_later_record_of_its_key,
            a_replay_that_is_bad_again_leaves_its_letters,
            a_trial_moves_no_position_and_keeps_no_letter,
            a_trial_says_what_a_commit_would_say,
        ]);
        $crate::suite!($harness, $within, routes: [
            rows_of_several_tables_are_written_with_one_position,
            a_row_that_one_table_refuses_leaves_nothing_in_the_other,
            routes_are_those_of_the_tables_that_are_there,
        ]);
        $crate::suite!($harness, $within, rows: [
            append_writes_a_row_for_each_record_and_moves_the_position,
            append_has_no_row_for_a_tombstone_to_delete,
            a_missing_field_takes_the_columns_default_and_a_null_does_not,
            log_keeps_a_row_under_each_coordinate_and_a_tombstone_as_null,
            log_counts_an_equal_row_that_stands_and_halts_at_another,
            log_keeps_a_row_under_the_place_of_each_element,
            an_upsert_replaces_the_whole_row_of_its_key,
            a_merging_upsert_leaves_what_its_record_does_not_say,
            a_tombstone_deletes_the_row_of_its_key_and_no_other,
            of_one_key_in_one_batch_the_last_record_counts,
            a_key_of_several_columns_counts_whole,
            a_record_of_several_rows_is_written_whole,
            rows_that_are_replaced_do_not_depend_on_where_batches_end,
            rows_that_are_merged_do_not_depend_on_where_batches_end,
            a_span_without_rows_moves_the_position,
        ]);
        $crate::suite!($harness, $within, shared: [
            without_a_command_a_sink_is_to_run,
            what_is_wanted_is_the_last_state_that_was_asked_for,
            commands_are_handed_out_in_their_order_behind_a_number,
            commands_of_many_at_once_are_all_there,
            each_instance_is_shown_with_what_it_said_last,
        ]);
        $crate::suite!($harness, $within, snapshots: [
            a_snapshot_says_where_partitions_stand_and_how_they_came_there,
            a_snapshot_has_the_dead_letters,
            rows_are_not_older_than_the_positions_of_their_snapshot,
            what_is_expected_of_a_record_is_what_is_found_of_its_row,
            a_tombstone_is_of_the_row_that_its_key_is_of,
        ]);
        $crate::suite!($harness, $within, sources: [
            a_header_is_a_text_and_in_a_column_of_bytes_its_bytes,
            bytes_that_are_no_text_are_a_bad_record_but_in_a_column_of_bytes,
            a_whole_key_is_its_text_and_in_a_column_of_bytes_its_bytes,
            a_records_time_has_one_form_in_each_kind_of_column,
            partition_and_offset_are_numbers_and_a_topic_is_a_text,
        ]);
        $crate::suite!($harness, $within, tables: [
            a_topic_that_no_table_takes_is_refused,
            a_table_that_is_not_there_is_refused_and_not_made,
            a_name_that_is_not_in_the_table_is_told_with_the_nearest,
            columns_take_the_field_of_their_name_unless_the_config_says_otherwise,
            a_mapping_reaches_the_decoder_as_the_config_has_it,
            an_upsert_needs_a_key_of_its_table,
            a_log_table_has_its_coordinates_and_what_the_config_adds,
            a_table_without_the_coordinates_or_their_key_is_no_log,
        ]);
        $crate::suite!($harness, $within, unsent: [
            a_value_that_was_not_sent_stays_as_it_is,
            a_missing_field_beside_one_that_was_not_sent_follows_its_own_rule,
            a_value_that_was_not_sent_and_no_row_has_is_a_bad_record,
            a_value_that_was_not_sent_is_a_bad_record_of_a_table_without_a_key,
        ]);
        $crate::suite!($harness, $within, values: [
            each_type_keeps_what_was_sent,
            json_is_kept_whole,
            bytes_are_padded_base64_and_nothing_else,
            a_number_keeps_every_digit_or_its_record_is_bad,
            a_value_of_another_type_is_a_bad_record,
            a_text_with_a_nul_is_kept_whole_or_its_record_is_bad,
            a_bad_value_stops_its_whole_batch,
        ]);
    };
    ($harness:ty, $within:path, $area:ident: [$($scenario:ident,)*]) => {
        mod $area {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $scenario() {
                    $within($crate::$area::$scenario::<$harness>()).await;
                }
            )*
        }
    };
}

/// Within nothing.
pub async fn alone<F: Future>(scenario: F) -> F::Output {
    scenario.await
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn every_scenario_is_in_the_list() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let list = std::fs::read_to_string(folder.join("list.rs")).unwrap();
        let mut found = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let code = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for line in code.lines() {
                let scenario = line
                    .strip_prefix("pub async fn ")
                    .and_then(|rest| rest.split_once("<H: Harness>"));
                if let Some((name, _)) = scenario {
                    assert!(list.contains(&format!(" {name},\n")), "{name} never runs");
                    found += 1;
                }
            }
        }
        assert!(found > 50, "{found}");
    }
}
