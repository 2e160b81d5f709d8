-- Takes the lane until the transaction ends and returns the next free position. The caller must
-- hand what it used back with setval('lane_position', last) after its rows are written, never
-- before: setval is not undone by a rollback, so a clock far ahead, whose rows find no partition,
-- must fail before it can push the sequence into the future.
--
-- latest_position is what the caller's own clock allows at most; null: it has no other clock than
-- the database's. A clock of the database beyond it is refused (MR004; the detail says by how many
-- microseconds). It bounds the clock and not the log: a log that is ahead already goes on from
-- where it is, since to refuse would stop all publishing until the clock has caught up.
--
-- Rows first, the lane last: whoever holds the lane holds up every publisher of every tenant, so
-- nobody may wait for a row, or read much, while it is held. A function that changes rows locks
-- them before it calls this, in the order consumer, cursor, others; what it then inserts nobody
-- else inserts without the lane.
--
-- The sequence is asked by a function and not scanned: append_events forbids sequential scans, and
-- a scan that is forbidden and has no other way costs 1e10 up to PostgreSQL 17, so that with jit on
-- every append was compiled anew.
drop function if exists next_position();

create or replace function next_position(latest_position bigint default null) returns bigint
language plpgsql as $$
declare
  last_position bigint;
  clock_position bigint;
begin
  perform pg_advisory_xact_lock(1296651858, 0);
  -- After the lock: what was handed out, and how late it became, while this call waited for it.
  last_position := pg_sequence_last_value('lane_position');
  clock_position := position_of(clock_timestamp());
  if clock_position > latest_position then
    raise exception 'The database''s clock (%) is too far ahead of the caller''s.', clock_timestamp()
      using errcode = 'MR004', detail = clock_position - latest_position;
  end if;
  -- Null before the first use; and without the right to know, which must not mean "none".
  if last_position is null and not has_sequence_privilege('lane_position', 'select') then
    raise exception 'The role % may not read the sequence lane_position.', current_user
      using errcode = 'insufficient_privilege';
  end if;
  return greatest(last_position + 1, clock_position);
end
$$;
