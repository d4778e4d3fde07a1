//! What every task log does, and what a client hears over one that is outside of the process: slow, failing, or silent.

pub(crate) mod file;
mod outages;
mod suite;
mod wire;

use mcpc::log::{Limits, MemoryLog};

/// Each rule, for each log.
macro_rules! each_log {
    ($($rule:ident)*) => {
        mod in_memory {
            $(
                #[tokio::test(start_paused = true)]
                async fn $rule() {
                    let limits = super::Limits { bytes_per_task: 1 << 10, ended_tasks: 9, ended_bytes: 1 << 20 };
                    super::suite::$rule(&super::MemoryLog::new(limits)).await;
                }
            )*
        }

        mod in_a_file {
            $(
                #[tokio::test(start_paused = true)]
                async fn $rule() {
                    let folder = super::file::Folder::new();
                    super::suite::$rule(&super::file::FileLog::open(folder.file()).await).await;
                }
            )*
        }
    };
}

each_log! {
    updates_are_numbered_from_1_without_gaps
    a_reader_that_fell_behind_learns_how_many_it_missed
    output_drives_no_update_out
    of_the_progress_the_latest_is_kept_at_its_place
    a_task_has_one_end_and_it_comes_last
    every_end_comes_back_as_it_was
    who_waits_is_told_of_something_new
    who_waits_is_told_that_a_task_was_given_up
    owners_are_apart
    an_id_is_taken_as_long_as_its_task_runs
    an_owner_that_is_gone_takes_nothing_along
    those_that_run_are_listed_first
    tasks_are_listed_in_the_order_of_their_creation
    one_that_is_asked_to_stop_after_its_end_was_not_stopped
    a_task_is_asked_to_stop_as_long_as_it_runs
    a_task_says_where_it_stands
    the_first_answer_to_a_question_stays
    an_answer_and_a_withdrawal_change_where_a_task_stands
    instructions_are_read_from_a_cursor
    an_ended_task_is_readable_for_its_retention
    what_was_shown_is_noted
}

/// Rules of a log that several processes share.
mod shared {
    use super::file::{FileLog, Folder};
    use super::suite;

    #[tokio::test(start_paused = true)]
    async fn a_batch_that_is_sent_again_is_stored_once() {
        let folder = Folder::new();
        suite::a_batch_that_is_sent_again_is_stored_once(&FileLog::open(folder.file()).await).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_was_given_up_is_fenced() {
        let folder = Folder::new();
        let log = FileLog::open(folder.file()).await;
        suite::an_attempt_that_was_given_up_is_fenced(&log, &log.again().await).await;
    }

    #[tokio::test(start_paused = true)]
    async fn another_process_reads_and_stops() {
        let folder = Folder::new();
        let log = FileLog::open(folder.file()).await;
        suite::another_process_reads_and_stops(&log, &log.again().await).await;
    }
}
