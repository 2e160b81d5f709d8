-- Question: where do the replays stand?
-- Reads only.
-- tenant=dodici: the retailer; without it all of them

\if :{?tenant} \else \set tenant '' \endif
set time zone 'UTC';

-- Replays under way are cursors with an end, temporary integrations (run 0) among them; those that
-- have arrived are known from their receipts, for as long as these are kept.
with replay as (
  select
    cursor.tenant, cursor.consumer, cursor.run,
    case
      when consumer.status = 'stopped' then 'stopped'
      when cursor.attempts > 0 then format('failing, %s attempts', cursor.attempts)
      when is_held(cursor.lease_until) then 'running'
      else 'waiting'
    end as state,
    cursor.read_position, cursor.stop_position, cursor.retry_at,
    cardinality(cursor.unresolved) + (
      select count(*)
      from event
      where event.tenant = cursor.tenant
        and event.position > cursor.read_position
        and event.position <= cursor.stop_position
    ) as events_left
  from cursor
  join consumer on consumer.tenant = cursor.tenant and consumer.id = cursor.consumer
  where cursor.stop_position is not null
    and (cursor.tenant = :'tenant' or :'tenant' = '')
  union all
  select distinct consumer.tenant, consumer.id, receipt.run, 'arrived',
    null::bigint, null::bigint, null::timestamptz, 0
  from consumer
  join receipt
    on receipt.tenant = consumer.tenant and receipt.consumer = consumer.id
    and receipt.run > 0
  where (consumer.tenant = :'tenant' or :'tenant' = '')
    and not exists (
      select from cursor
      where cursor.tenant = receipt.tenant and cursor.consumer = receipt.consumer
        and cursor.run = receipt.run
    )
)
select
  replay.tenant,
  replay.consumer as integration,
  replay.run,
  replay.state,
  time_of(coalesce(done.from_position, replay.read_position) + 1) as replays_from,
  time_of(coalesce(replay.stop_position, done.to_position)) as replays_to,
  coalesce(done.delivered, 0) as delivered,
  coalesce(done.rejected, 0) as rejected,
  coalesce(done.filtered, 0) as filtered_out,
  replay.events_left,
  time_of(done.position) as last_step_at,
  done.last_minute as settled_in_last_minute,
  case
    when replay.events_left > 0 and done.last_minute > 0 then
      replay.events_left * interval '1 minute' / done.last_minute
  end as time_left,
  replay.retry_at
from replay
left join lateral (
  select
    min(receipt.from_position) as from_position,
    max(receipt.to_position) as to_position,
    max(receipt.position) as position,
    sum(receipt.delivered) as delivered,
    sum(receipt.rejected) as rejected,
    sum(receipt.filtered) as filtered,
    sum(receipt.delivered + receipt.rejected + receipt.filtered) filter (
      where receipt.position > position_of(clock_timestamp() - interval '1 minute')
    ) as last_minute
  from receipt
  where receipt.tenant = replay.tenant and receipt.consumer = replay.consumer
    and receipt.run = replay.run
) as done on true
order by replay.tenant, replay.consumer, replay.run;
