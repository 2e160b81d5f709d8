-- Removes the rejected events of a consumer that ended before a position. Returns how many; 0 if
-- its id has a newer life.
create or replace function retire_rejected(
  tenant text, id text, ended_before bigint, latest_position bigint
) returns integer
language plpgsql as $$
#variable_conflict use_variable
declare
  ended bigint;
begin
  perform from rejected_event r
  where r.tenant = tenant and r.consumer = id
  order by r.id
  for update;
  select l.ended into ended from consumer_lives(tenant, id) l order by l.registered desc limit 1;
  -- While the lane is locked, nobody can register the id.
  perform next_position(latest_position);
  if ended is null or ended >= ended_before
    or exists (select from consumer c where c.tenant = tenant and c.id = id)
  then
    return 0;
  end if;
  return remove_rejected(
    tenant, id,
    format('It ended at %s, longer ago than the retention.', told_time(ended)),
    latest_position
  );
end
$$;
