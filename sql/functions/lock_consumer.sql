-- Locks the rows of a consumer in the order in which everybody takes them: the consumer, its
-- cursors, its open files; if it is to be removed, its rejected events too. Whoever changes a
-- consumer calls it before the lane is taken: see next_position. Returns the consumer as it stands
-- then, null if there is none.
create or replace function lock_consumer(tenant text, id text, for_removal boolean)
returns consumer
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
  if for_removal then
    perform from rejected_event r
    where r.tenant = tenant and r.consumer = id
    order by r.id
    for update;
  end if;
  return locked;
end
$$;
