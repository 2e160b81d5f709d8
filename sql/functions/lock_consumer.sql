-- Locks the rows of a consumer in the order in which everybody takes them: the consumer, its
-- cursors, its open files; its rejected events come after them. Whoever changes a consumer, or
-- removes rejected events of it, calls it before the lane is taken: see next_position. Returns the
-- consumer as it stands then, null if there is none.
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
  return locked;
end
$$;
