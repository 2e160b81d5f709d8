-- The record of a replay that is about to end, with what it has settled so far. It reads receipts,
-- so it is called before the lane is taken; the lock of the cursor keeps these numbers as they are.
-- All null if there is no such replay under way.
create or replace function count_replay(tenant text, consumer text, number integer)
returns replay
language plpgsql as $$
#variable_conflict use_variable
declare
  ending replay;
begin
  select r.* into ending
  from replay r
  where r.tenant = tenant and r.consumer = consumer and r.number = number
    and r.ended_position is null;
  if ending.number is null then
    return ending;
  end if;
  select done.delivered, done.rejected, done.filtered
  into ending.delivered, ending.rejected, ending.filtered
  from replay_counts(tenant, consumer, number) as done;
  select coalesce(c.unresolved[1] - 1, c.read_position) into ending.settled_position
  from cursor c
  where c.tenant = tenant and c.consumer = consumer and c.run = number;
  return ending;
end
$$;
