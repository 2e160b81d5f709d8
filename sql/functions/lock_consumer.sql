-- Locks the rows of a consumer in the one order that all callers use: the consumer, its cursors,
-- its open files, its replays under way. Its rejected events come after these. A function that
-- changes a consumer or removes its rejected events calls this before it takes the lane (see
-- next_position). Returns the locked consumer, or null if there is none.
drop function if exists lock_consumer(text, text, boolean);

create or replace function lock_consumer(tenant text, id text) returns consumer
language plpgsql as $$
#variable_conflict use_variable
declare
  locked consumer;
begin
  select c.* into locked
  from consumer c
  where c.tenant = tenant and c.id = id
  for update;
  perform from cursor c
  where c.tenant = tenant and c.consumer = id
  order by c.run
  for update;
  perform from export_file f
  where f.tenant = tenant and f.consumer = id and f.state = 'open'
  order by f.run
  for update;
  perform from replay r
  where r.tenant = tenant and r.consumer = id and r.ended_position is null
  order by r.number
  for update;
  return locked;
end
$$;
