-- Completes a replay that is stopped at its end and waits for its rejected events only; answers
-- whether it did. Called after one of them was removed, in the same transaction, which has locked
-- the consumer before: what a completion under way has changed is visible here. And by workers, for
-- those that somebody else has removed.
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
