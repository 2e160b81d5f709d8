-- Keeps a rejected event for the turn that holds the lease. Returns:
-- * kept: it is kept, by now or already: the same event is kept once.
-- * last: the same, and there is no room for another.
-- * no_room: most_kept are kept already, and this is not one of them.
-- * lost: another turn has the lease by now.
--
-- The runs of a consumer share the room, so they take turns: the consumer is locked, and a later
-- statement counts. A single one would count in its snapshot from before the wait.
create or replace function keep_rejected(
  tenant text, consumer text, run integer, owner uuid, epoch bigint, event_position bigint,
  name text, entity_id text, idempotency_key text, payload json, status integer, response text,
  most_kept integer, latest_position bigint
) returns text
language plpgsql as $$
#variable_conflict use_variable
declare
  kept integer;
  is_known boolean;
begin
  perform from consumer c
  where c.tenant = tenant and c.id = consumer
  for no key update;
  -- A removal that has locked the cursor sees every rejected event of it.
  perform from cursor c
  where c.tenant = tenant and c.consumer = consumer and c.run = run
    and c.owner = owner and c.epoch = epoch
  for key share;
  if not found then
    return 'lost';
  end if;
  select count(*), coalesce(bool_or(r.event_position = event_position), false)
  into kept, is_known
  from rejected_event r
  where r.tenant = tenant and r.consumer = consumer;
  if not is_known then
    if kept >= most_kept then
      return 'no_room';
    end if;
    insert into rejected_event as r (
      tenant, consumer, run, event_position, name, entity_id, idempotency_key, payload, status,
      response
    ) values (
      tenant, consumer, run, event_position, name, entity_id, idempotency_key, payload, status,
      response
    );
    kept := kept + 1;
    if kept = most_kept then
      perform alert_rejected_limit(tenant, consumer, most_kept, latest_position);
    end if;
  end if;
  return case when kept >= most_kept then 'last' else 'kept' end;
end
$$;
