-- Whether the log has passed a position: nothing that is appended from now on can get it, as long
-- as the clock is not set back. (Who must be sure takes the lane: complete_replay.)
create or replace function log_has_passed("position" bigint) returns boolean
language sql volatile as $$
  select "position" < greatest(
    pg_sequence_last_value('lane_position') + 1, position_of(clock_timestamp())
  )
$$;
