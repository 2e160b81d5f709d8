-- Whether the log has passed a position: no later append can get it, unless the clock is set back.
-- (To be certain, take the lane, as complete_replay does.)
create or replace function log_has_passed("position" bigint) returns boolean
language sql volatile as $$
  select "position" < greatest(
    pg_sequence_last_value('lane_position') + 1, position_of(clock_timestamp())
  )
$$;
