-- Cancels a replay. A queued one ends at once; a running one when the worker that holds its cursor
-- has sent nothing more (finish_replay). Returns its state after that, 'cancelling' or 'failing' if
-- it is about to end; null if there is no such replay.
create or replace function cancel_replay(
  tenant text, consumer text, number integer, actor text, reason text,
  latest_position bigint default null
) returns text
language plpgsql as $$
#variable_conflict use_variable
begin
  perform lock_consumer(tenant, consumer);
  update replay r
  set ends_as = 'cancelled', ended_by = actor, end_reason = reason
  where r.tenant = tenant and r.consumer = consumer and r.number = number
    and r.ended_position is null and r.ends_as is null;
  return finish_replay(tenant, consumer, number, latest_position);
end
$$;
