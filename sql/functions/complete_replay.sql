-- Ends a replay that has sent everything up to its stop_position, and answers whether it did. The
-- lane makes it exact: next_position waits for every append under way, so what could still get a
-- position up to the stop is visible when the next statement looks. The run of a consumer's own (0)
-- completes the consumer; one that was added to it just goes.
drop function if exists complete_replay(text, text, integer);

create or replace function complete_replay(
  tenant text, consumer text, run integer, latest_position bigint default null
) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint;
  ended record;
  receipts record;
  told text;
begin
  perform lock_consumer(tenant, consumer, for_removal => run = 0);
  change_position := next_position(latest_position);
  select c.* into ended
  from cursor c
  where c.tenant = tenant and c.consumer = consumer and c.run = run
    and c.stop_position < change_position
    and c.unresolved = '{}'
    and not exists (
      select from event e
      where e.tenant = tenant and e.position > c.read_position and e.position <= c.stop_position
    );
  if ended.consumer is null then
    return false;
  end if;
  select coalesce(sum(r.delivered), 0) as delivered, coalesce(sum(r.rejected), 0) as rejected
  into receipts
  from receipt r
  where r.tenant = tenant and r.consumer = consumer and r.run = run;
  told := format('Everything up to %s was sent: %s delivered, %s rejected.',
    time_of(ended.stop_position) at time zone 'UTC', receipts.delivered, receipts.rejected);
  delete from cursor c where c.tenant = tenant and c.consumer = consumer and c.run = run;
  perform setval('lane_position', change_position);
  if run > 0 then
    perform note_consumer(tenant, consumer, 'replay_completed', 'millrace', told, latest_position);
  else
    perform change_consumer(
      tenant, consumer, c.version, 'removed', c.kind || '_completed', 'millrace', told, null, false,
      latest_position
    )
    from consumer c
    where c.tenant = tenant and c.id = consumer;
  end if;
  return true;
end
$$;
