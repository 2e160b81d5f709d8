-- Completes a replay that has stopped at its end and waits only for its rejected events; returns
-- whether it did. Callers that remove a rejected event call it in the same transaction, after
-- locking the consumer: so they see what a concurrent completion has changed. Workers call it for
-- rejected events that others have removed.
create or replace function complete_waiting(
  tenant text, consumer text, latest_position bigint
) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  own_run integer;
begin
  select min(c.run) into own_run
  from consumer k
  join cursor c on c.tenant = k.tenant and c.consumer = k.id
  where k.tenant = tenant and k.id = consumer and k.status = 'stopped'
    and k.document ->> 'integration_type' = 'temporary';
  return own_run is not null and complete_replay(tenant, consumer, own_run, latest_position);
end
$$;
