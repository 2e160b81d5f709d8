-- Removes all rejected events of a consumer without a request to delete them. A note in the config
-- log names them, so none disappears silently. Returns how many there were. The caller has locked
-- the rows.
create or replace function remove_rejected(
  tenant text, id text, reason text, latest_position bigint
) returns integer
language plpgsql as $$
#variable_conflict use_variable
declare
  removed record;
begin
  with deleted as (
    delete from rejected_event r where r.tenant = tenant and r.consumer = id returning r.*
  )
  select
    count(*)::integer as count,
    string_agg(
      format('%s of %s (position %s, idempotency key %s)',
        d.name, d.entity_id, d.event_position, d.idempotency_key),
      ', ' order by d.event_position
    ) as names
  into removed
  from deleted d;
  if removed.count > 0 then
    perform note_consumer(
      tenant, id, 'rejected_events_removed', 'millrace',
      format('%s %s rejected event(s): %s.', reason, removed.count, removed.names), latest_position
    );
  end if;
  return removed.count;
end
$$;
