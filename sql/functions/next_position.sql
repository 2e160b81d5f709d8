-- Takes the lane until the transaction ends and returns the next free position. The caller must
-- hand what it used back with setval('lane_position', last) after its rows are written, never
-- before: setval is not undone by a rollback, so a clock far ahead, whose rows find no partition,
-- must fail before it can push the sequence into the future.
create or replace function next_position() returns bigint
language plpgsql as $$
begin
  perform pg_advisory_xact_lock(1296651858, 0);
  -- A second statement: it sees what was committed while the first one waited for the lock.
  return (select greatest(last_value + 1, position_of(clock_timestamp())) from lane_position);
end
$$;
