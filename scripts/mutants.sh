#!/usr/bin/env bash
# Takes the guarantees out one at a time, in a copy of the tree: a named test
# must fail for each, and for those of the protocol crate a named property of the
# model, too. Runs beside real servers: make mutants. With the argument `protocol`
# only what needs none.
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/.." && pwd)
COPY=$(mktemp -d "${TMPDIR:-/tmp}/plimsoll-mutants.XXXXXX")
trap 'rm -rf "$COPY"' EXIT
# Never the tree's own: cargo would take a mutant built here for the tree's.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$ROOT/.cache/mutants}
export INSTA_UPDATE=no

fresh_copy() {
  rm -rf "${COPY:?}/tree" && mkdir "$COPY/tree"
  # What git tracks, as it stands in the work tree. As of now (-m): by the files' own
  # times cargo would not see that a mutant is gone.
  (cd "$ROOT" && git ls-files -z | tar --null -T - -cf - 2>/dev/null) | tar -xmf - -C "$COPY/tree"
}

# test PACKAGE NAME: 0 it passed, 1 it failed, 2 it did not build or did not run
run_test() {
  local log=$COPY/log
  (cd "$COPY/tree" && cargo test --release --quiet -p "$1" --lib --no-run) >"$log" 2>&1 || return 2
  (cd "$COPY/tree" && cargo test --release -p "$1" --lib -- --exact "$2") >"$log" 2>&1 && {
    grep -q '^test result: ok. 1 passed' "$log" || return 2
    return 0
  }
  grep -q "^test $2 .*FAILED" "$log" || return 2
  return 1
}

killed=0
survived=0

# mutant WHAT FILE PERL PACKAGE TEST
mutant() {
  local what=$1 file=$2 edit=$3 package=$4 test=$5 outcome=0
  fresh_copy
  perl -0pi -e "$edit" "$COPY/tree/$file"
  if cmp -s "$ROOT/$file" "$COPY/tree/$file"; then
    echo "NOT MADE  $what: $file has changed; hint: mend scripts/mutants.sh"
    survived=$((survived + 1))
    return
  fi
  run_test "$package" "$test" || outcome=$?
  case $outcome in
    1)
      echo "killed    $what, by $test"
      killed=$((killed + 1))
      ;;
    0)
      echo "SURVIVED  $what: $test passes without it"
      survived=$((survived + 1))
      ;;
    *)
      echo "NOT RUN   $what: $test did not build or run"
      tail -20 "$COPY/log"
      survived=$((survived + 1))
      ;;
  esac
}

# The model alone: it calls the protocol crate, so it has no other mutants.
#
# modelled WHAT FILE PERL PROPERTY: the searches must end at that property.
modelled() {
  local what=$1 file=$2 edit=$3 property=$4
  fresh_copy
  perl -0pi -e "$edit" "$COPY/tree/$file"
  if cmp -s "$ROOT/$file" "$COPY/tree/$file"; then
    echo "NOT MADE  $what: $file has changed; hint: mend scripts/mutants.sh"
    survived=$((survived + 1))
    return
  fi
  local log=$COPY/log
  if (cd "$COPY/tree" && cargo test --release -p plimsoll-model --lib -- every_property_holds) >"$log" 2>&1; then
    echo "SURVIVED  $what: every property of the model holds without it"
    survived=$((survived + 1))
  elif grep -qE "^(BROKEN|NEVER SEEN) .*: $property" "$log"; then
    echo "killed    $what, by the model: $(grep -m1 -E "^(BROKEN|NEVER SEEN) .*: $property" "$log")"
    killed=$((killed + 1))
  else
    echo "NOT RUN   $what: the model did not build, or broke elsewhere than at \"$property\""
    tail -20 "$log"
    survived=$((survived + 1))
  fi
}

CLAIM=protocol/src/claim.rs
LIFECYCLE=protocol/src/lifecycle.rs
LIVENESS=partition::tests::the_liveness_table_is_as_the_design_says

# both WHAT FILE PERL PROPERTY TEST: of the protocol crate; the searches must end
# at the property, and the crate's own test must fail.
both() {
  modelled "$1" "$2" "$3" "$4"
  mutant "$1" "$2" "$3" plimsoll-protocol "$5"
}

protocol_mutants() {
  fresh_copy
  (cd "$COPY/tree" && cargo test --release -p plimsoll-model --lib -- every_property_holds) \
    >"$COPY/log" 2>&1 || {
    echo "the model does not hold as it stands"
    tail -20 "$COPY/log"
    exit 1
  }
  (cd "$COPY/tree" && cargo test --release -p plimsoll-protocol --lib) >"$COPY/log" 2>&1 || {
    echo "the protocol's tests do not pass as they stand"
    tail -20 "$COPY/log"
    exit 1
  }
  both "the compare-and-set" $CLAIM 's/ \|\| self\.position != span\.from\(\)//' \
    "invariant 1" claim::tests::a_commit_moves_the_position_once
  both "the epoch check" $CLAIM \
    's/self\.epoch == claim\.epoch && self\.owner == Some\(claim\.owner\);/self.owner == Some(claim.owner);/' \
    "invariant 4" claim::tests::an_older_claim_of_the_same_process_is_fenced
  both "the owner check" $CLAIM 's/ && self\.owner == Some\(claim\.owner\);/;/' \
    "invariant 4" claim::tests::two_owners_of_one_epoch_are_told_apart
  both "the claim's bump" $CLAIM \
    's/self\.epoch = self\.epoch\.next\(\);\n        self\.owner = Some/self.owner = Some/' \
    "invariant 4" claim::tests::an_older_claim_of_the_same_process_is_fenced
  both "the fence of positions set" $CLAIM \
    's/self\.epoch = self\.epoch\.next\(\);\n        self\.owner = None;//' \
    "invariant 4" claim::tests::an_operator_fences_the_owner
  both "the looks of a comparison" protocol/src/compare.rs 's/LOOKS: u32 = 32/LOOKS: u32 = 1/' \
    "invariant 1" compare::tests::a_table_that_opens_and_shuts_makes_no_record_bad
  both "the guard on messages" protocol/src/guard.rs 's/if offset < self\.next/if false/' \
    "invariant 2" guard::tests::an_offset_delivered_twice_is_taken_once
  both "nothing taken behind an error" protocol/src/guard.rs \
    's/if self\.failed \{\n            return Admission::AfterError;\n        \}//' \
    "invariant 1" guard::tests::nothing_behind_an_error_is_taken_or_believed
  both "no position believed after an error" protocol/src/guard.rs 's/if !self\.failed/if true/' \
    "invariant 1" guard::tests::nothing_behind_an_error_is_taken_or_believed
  both "the confirming of a batch" protocol/src/identity.rs \
    's/\(Some\(_\), Some\(_\)\) => Confirmation::Recreated/(Some(_), Some(_)) => Confirmation::Confirmed/' \
    "nothing of another log" identity::tests::a_batch_is_confirmed_only_by_the_id_that_its_position_remembers
  both "the resolving of lost answers" protocol/src/resolve.rs 's/stored == span\.to\(\)/false/' \
    "a lost answer is resolved: committed" resolve::tests::a_lost_answer_is_resolved_by_where_the_position_stands
  both "the life that a message names" $LIFECYCLE \
    's/(\(Heard::Task \{ present: false, )\.\. \}, _\) => Act::Ignore/$1said: Said::Claimed }, Claiming) => Act::Consume,\n        $1.. }, _) => Act::Ignore/' \
    "invariant 2" lifecycle::tests::an_earlier_life_is_never_heard
  both "the draining of what is handed over" $LIFECYCLE \
    's/Heard::Revoked, Live\) => Act::Drain/Heard::Revoked, Live) => Act::Forget/' \
    "invariant 4" lifecycle::tests::the_lifecycle_is_as_the_design_says
  both "the end of what is drained" $LIFECYCLE \
    's/Said::Ended, Draining\) => Act::Forget/Said::Ended, Draining) => Act::Ignore/' \
    "invariant 5" lifecycle::tests::the_lifecycle_is_as_the_design_says
  both "the look at an idle row: failovers" protocol/src/look.rs 's/mine && stored >= acknowledged/mine/' \
    "invariant 5" look::tests::invariant_5_an_idle_owner_sees_that_it_was_overtaken
  both "the look at an idle row: operators" protocol/src/look.rs \
    's/mine && stored >= acknowledged/stored >= acknowledged/' \
    "invariant 4" look::tests::invariant_5_an_idle_owner_sees_that_it_was_overtaken
  both "the restart of a fenced owner" protocol/src/partition.rs \
    's/Live => Step::Restart,\n( +)Leaving/Live => Step::Drop,\n$1Leaving/' "invariant 5" $LIVENESS
  both "the restart of one that is out of step" protocol/src/partition.rs \
    's/OutOfStep\), Live\) => Step::Restart/OutOfStep), Live) => Step::GoOn/' "invariant 2" $LIVENESS
  both "the repetition of what was not committed" protocol/src/partition.rs \
    's/NotCommitted\), Live \| Leaving\) => Step::Repeat/NotCommitted), Live | Leaving) => Step::Drop/' \
    "invariant 5" $LIVENESS
  both "the offset in timestamps" protocol/src/timestamps.rs \
    's/self\.base\.saturating_add\(offset\.saturating_mul\(2\)\)/self.base/' \
    "invariant 2" timestamps::tests::timestamps_are_a_function_of_the_offset
  both "the later base of a new generation" protocol/src/timestamps.rs \
    's/base: above\.max\(Self::first\(now_us, high_watermark\)\.base\)/base: self.base/' \
    "invariant 2" timestamps::tests::a_following_generation_begins_behind_all_that_was_written
  both "the rewind by time" protocol/src/rewind.rs 's/m\.at_ms\.saturating_sub\(window_ms\)/m.at_ms/' \
    "invariant 1" rewind::tests::the_window_is_counted_back_from_the_last_mark
  both "starts all or none" protocol/src/start.rs 's/matches!\(self, Self::Configured\)/false/' \
    "invariant 1" start::tests::only_configured_starts_are_written_together
  both "the halt of a position that is lost" protocol/src/start.rs \
    's/Kept::Start => Beginning::Lost/Kept::Start => Beginning::Settle(start_rule(known))/' \
    "invariant 2" start::tests::only_a_partition_of_which_nothing_is_kept_gets_a_start
}

protocol_mutants
if [[ ${1-} == protocol ]]; then
  echo "$killed killed, $survived not"
  [[ $survived -eq 0 ]]
  exit
fi

PG=migrations/postgres/0005_advance_all.sql
FENCED=tests::commits::a_fenced_commit_writes_nothing
REPLAYED=tests::commits::of_one_key_the_later_offset_wins_whatever_comes_last
PROVEN=tests::proof
BELIEVED=is_not_believed_without_the_fences_word
UNWRITTEN=tests::commits::a_batch_that_is_not_written_moves_no_position
SET_BACK=tests::commits::set_back_the_replay_wins_whole

# A test that fails anyway kills nothing: each must pass as it stands.
fresh_copy
NAMED=groups::a_fence_names_those_whom_it_refuses_and_nothing_is_written
for one in "plimsoll-postgres $FENCED" \
  "plimsoll-postgres tests::commits::an_older_claim_of_the_same_process_is_fenced" \
  "plimsoll-postgres tests::commits::another_owner_of_the_same_epoch_is_fenced" \
  "plimsoll-postgres tests::positions::a_claim_raises_the_epoch_and_refuses_other_deployments" \
  "plimsoll-postgres $PROVEN::one_statement_of_append_$BELIEVED" \
  "plimsoll-postgres $PROVEN::copy_into_append_$BELIEVED" \
  "plimsoll-postgres $PROVEN::upsert_$BELIEVED" \
  "plimsoll-sqlite tests::fences::a_commit_that_begins_elsewhere_is_refused_in_both_directions" \
  "plimsoll-sqlite tests::fences::an_older_claim_of_the_same_process_is_fenced" \
  "plimsoll-sqlite tests::fences::the_owner_counts_even_in_the_same_epoch" \
  "plimsoll-cassandra $REPLAYED" \
  "plimsoll-cassandra $UNWRITTEN" \
  "plimsoll-cassandra $SET_BACK"; do
  # shellcheck disable=SC2086
  run_test $one || {
    echo "$one does not pass as it stands"
    tail -20 "$COPY/log"
    exit 1
  }
done

mutant "the compare-and-set (Postgres)" $PG 's/ +AND p\.next_offset = w\.from_offset\n//' \
  plimsoll-postgres $FENCED
mutant "the epoch check (Postgres)" $PG 's/ +AND p\.epoch = w\.epoch\n//' \
  plimsoll-postgres tests::commits::an_older_claim_of_the_same_process_is_fenced
mutant "the owner check (Postgres)" $PG 's/\n +AND p\.owner = w\.owner\n/\n/' \
  plimsoll-postgres tests::commits::another_owner_of_the_same_epoch_is_fenced
mutant "the claim's bump (Postgres)" sinks/postgres/src/claim.rs 's/epoch = p\.epoch \+ 1, //' \
  plimsoll-postgres tests::positions::a_claim_raises_the_epoch_and_refuses_other_deployments
mutant "the proof of a statement (Postgres)" sinks/postgres/src/statement.rs \
  's/    fence::proven\(&answer\)\?;\n//' plimsoll-postgres $PROVEN::one_statement_of_append_$BELIEVED
mutant "the proof of COPY's last message (Postgres)" sinks/postgres/src/commit.rs \
  's/\[answer\]\) => fence::proven\(answer\)/[_]) => Ok(())/' \
  plimsoll-postgres $PROVEN::copy_into_append_$BELIEVED
mutant "the proof of a commit without rows (Postgres)" sinks/postgres/src/fence.rs \
  's/\.and_then\(\|row\| proven\(&row\)\)/.map(|_| ())/' \
  plimsoll-postgres $PROVEN::upsert_$BELIEVED

mutant "who is named by the fence (Postgres)" sinks/postgres/src/fence.rs \
  's/lines\(\)\.nth\(1\)/lines().nth(9)/' plimsoll-postgres tests::conformance::by_statement::$NAMED
mutant "all or nothing (SQLite)" sinks/sqlite/src/commit.rs \
  's/if !fenced\.is_empty\(\)/if fenced.len() == batches.len()/' plimsoll-sqlite tests::conformance::$NAMED

mutant "one judgement for all" src/engine/commits/mod.rs \
  's/waiting\.tell\(Err\(error\.clone\(\)\)\)\);\n            Vec::new\(\)/waiting.tell(Ok(Committed::default())));\n            Vec::new()/' \
  plimsoll in_process::together::a_lost_answer_is_judged_partition_by_partition
mutant "halt by company" protocol/src/group.rs \
  's/Class::Halt => GroupStep::Halve/Class::Halt => GroupStep::Tell/' \
  plimsoll-protocol group::tests::what_is_one_partitions_fault_is_told_of_no_other
mutant "a bad record in company, again and again" src/engine/writer/commit.rs \
  's/const COMMITS_ALONE: u8 = 3/const COMMITS_ALONE: u8 = 0/' \
  plimsoll in_process::together::what_breaks_a_commit_goes_alone_for_a_while
mutant "a commit of what is another's now" src/engine/commits/mod.rs \
  's/group\.retain\(.*?\);//' \
  plimsoll in_process::together::what_is_lost_while_it_waits_is_not_begun

mutant "the compare-and-set (SQLite)" sinks/sqlite/src/commit.rs 's/ AND next_offset = \?11/ AND ?11 >= 0/' \
  plimsoll-sqlite tests::fences::a_commit_that_begins_elsewhere_is_refused_in_both_directions
mutant "the epoch check (SQLite)" sinks/sqlite/src/commit.rs 's/AND epoch = \?9 /AND ?9 >= 0 /' \
  plimsoll-sqlite tests::fences::an_older_claim_of_the_same_process_is_fenced
mutant "the owner check (SQLite)" sinks/sqlite/src/commit.rs 's/AND owner = \?10 /AND ?10 <> char(0) /' \
  plimsoll-sqlite tests::fences::the_owner_counts_even_in_the_same_epoch

mutant "timestamps of the offset (Cassandra)" sinks/cassandra/src/rows.rs \
  's/generation\.writes_at\(offset\)/now_ms * 1_000/' plimsoll-cassandra $REPLAYED
mutant "the position behind the acknowledgements (Cassandra)" sinks/cassandra/src/sink.rs \
  's/let sent = write::rows/let mut early = held.marks.clone();
        early.reach(batch.span.to(), self.elapsed_ms());
        positions::advance(state, &tp, &held, batch, &early)
            .await
            .map_err(|f| self.judged(f))?;
        let sent = write::rows/' plimsoll-cassandra $UNWRITTEN
mutant "timestamps of the generation (Cassandra)" sinks/cassandra/src/rows.rs \
  's/generation\.writes_at\(offset\)/offset * 2 + 1/' plimsoll-cassandra $SET_BACK

echo "$killed killed, $survived not"
[[ $survived -eq 0 ]]
