-- Ends a replay that has sent everything up to its stop_position; returns whether it did. The lane
-- makes this exact: next_position waits for every append under way. So any event that can still get
-- a position up to the stop is visible to the next statement.
--
-- A replay beside the live stream of a consumer ends (end_replay). If the run is the one that a
-- temporary integration was registered with, the integration completes. It does not complete while
-- another run of it is under way, or while it keeps rejected events. With rejected events it stops,
-- and removing the last of them calls this function again. Both callers lock the consumer, so one
-- of them sees what the other did.
drop function if exists complete_replay(text, text, integer);

create or replace function complete_replay(
  tenant text, consumer text, run integer, latest_position bigint default null
) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  life consumer := lock_consumer(tenant, consumer);
  ending replay := count_replay(tenant, consumer, run);
  life_before bigint;
  is_own boolean;
  change_position bigint;
  ended record;
  receipts record;
  taken_later bigint;
  rejected_left bigint;
  summary text;
begin
  -- Records after the end of the previous life belong to this one. (Not records after its
  -- registration: if the clock was set back, that position may be ahead of them.)
  select coalesce(max(l.position), 0) into life_before
  from config_log l
  where l.tenant = tenant and l.id = consumer and l.status = 'removed';
  -- Read before the lane is taken: the lock of the cursor keeps these numbers as they are.
  select coalesce(sum(r.delivered), 0) as delivered, coalesce(sum(r.rejected), 0) as rejected
  into receipts
  from receipt r
  where r.tenant = tenant and r.consumer = consumer and r.run = run
    and r.position > life_before;
  select count(distinct a.event_position) into taken_later
  from attempt a
  where a.tenant = tenant and a.consumer = consumer and a.run = run
    and a.position > life_before and a.outcome = 'delivered';
  select count(*) into rejected_left
  from rejected_event r
  where r.tenant = tenant and r.consumer = consumer;
  is_own := coalesce(
    life.document ->> 'integration_type' = 'temporary' and run = (
      select min(c.run) from cursor c where c.tenant = tenant and c.consumer = consumer
    ),
    false
  );
  change_position := next_position(latest_position);
  select c.* into ended
  from cursor c
  where c.tenant = tenant and c.consumer = consumer and c.run = run
    and c.stop_position < change_position
    and not (is_own and exists (
      select from cursor o where o.tenant = tenant and o.consumer = consumer and o.run > run
    ))
    and c.unresolved = '{}'
    and not exists (
      select from event e
      where e.tenant = tenant and e.position > c.read_position and e.position <= c.stop_position
    );
  if ended.consumer is null then
    return false;
  end if;
  summary := format('Everything up to %s was sent: %s delivered, %s rejected%s.',
    told_time(ended.stop_position), receipts.delivered, receipts.rejected,
    case when taken_later > 0 then format(' (%s of them taken later)', taken_later) end);
  if ending.number is not null then
    ending.state := 'completed';
    ending.ended_by := 'millrace';
    ending.end_reason := summary;
    ending.settled_position := ended.stop_position;
    perform end_replay(ending, latest_position);
  elsif not is_own then
    -- A process older than 0033 has added it, without a record.
    delete from cursor c where c.tenant = tenant and c.consumer = consumer and c.run = run;
    perform note_consumer(
      tenant, consumer, 'replay_completed', 'millrace',
      format('Replay %s: %s%s', run, lower(left(summary, 1)), substr(summary, 2)), latest_position
    );
  elsif rejected_left = 0 then
    perform change_consumer(
      tenant, consumer, life.version, 'removed', 'integration_completed', 'millrace', summary,
      null, false, latest_position
    );
  elsif life.status = 'running' then
    perform change_consumer(
      tenant, consumer, life.version, 'stopped', 'integration_stopped', 'millrace',
      format('%s %s rejected event(s) are kept; '
        'it completes when the last one is retried or deleted.',
        summary, rejected_left),
      null, false, latest_position
    );
    return false;
  else
    return false;
  end if;
  return true;
end
$$;
