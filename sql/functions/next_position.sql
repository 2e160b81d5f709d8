-- Locks the lane to the end of the transaction and returns the next free position. After its rows
-- are written, the caller must store the last position that it used: setval('lane_position', last).
-- Never before: a rollback does not undo setval. With a clock far ahead, rows find no partition,
-- and that failure must come before the sequence moves into the future.
--
-- latest_position is the bound that the caller's own clock sets (null: the caller has only the
-- database's clock). A database clock beyond it is refused (MR004; the detail says by how many
-- microseconds). It bounds the clock, not the log. A log that is already ahead goes on from its
-- last position: refusing would stop all publishing until the clock has caught up.
--
-- Rows first, the lane last: the lane holds up every publisher of every tenant. While it is held,
-- nobody may wait for a row or read much. A function that changes rows locks them before it calls
-- this, in the order consumer, cursor, others. Rows that it inserts later are inserted by nobody
-- else without the lane.
--
-- A function reads the sequence's last value, not a scan. append_events forbids sequential scans,
-- and up to PostgreSQL 17 a forbidden scan without an alternative costs 1e10. With jit on, that
-- cost compiled every append anew.
drop function if exists next_position();

create or replace function next_position(latest_position bigint default null) returns bigint
language plpgsql as $$
declare
  last_position bigint;
  clock_position bigint;
begin
  perform pg_advisory_xact_lock(1296651858, 0);
  -- Read after the lock: other calls have used positions, and time has passed, during the wait.
  last_position := pg_sequence_last_value('lane_position');
  clock_position := position_of(clock_timestamp());
  if clock_position > latest_position then
    raise exception 'The database''s clock (%) is too far ahead of the caller''s.',
      clock_timestamp()
      using errcode = 'MR004', detail = clock_position - latest_position;
  end if;
  -- Null before the first use. Also null without the right to read it, which must not count as
  -- unused.
  if last_position is null and not has_sequence_privilege('lane_position', 'select') then
    raise exception 'The role % may not read the sequence lane_position.', current_user
      using errcode = 'insufficient_privilege';
  end if;
  return greatest(last_position + 1, clock_position);
end
$$;
