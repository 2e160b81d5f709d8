-- Ends a replay that is to end (ends_as), unless a worker still holds its cursor. Returns its state
-- after that, 'cancelling' or 'failing' if it is still to end; null if there is no such replay.
create or replace function finish_replay(
  tenant text, consumer text, number integer, latest_position bigint default null
) returns text
language plpgsql as $$
#variable_conflict use_variable
declare
  ending replay;
begin
  perform lock_consumer(tenant, consumer);
  ending := count_replay(tenant, consumer, number);
  if ending.ends_as is null then
    return (
      select r.state from replay r
      where r.tenant = tenant and r.consumer = consumer and r.number = number
    );
  elsif exists (
    select from cursor c
    where c.tenant = tenant and c.consumer = consumer and c.run = number
      and is_held(c.lease_until)
  ) then
    return case ending.ends_as when 'cancelled' then 'cancelling' else 'failing' end;
  end if;
  perform keep_window(tenant, consumer, number, null);
  ending.state := ending.ends_as;
  perform end_replay(ending, latest_position);
  return ending.state;
end
$$;
