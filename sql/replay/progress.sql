-- Question: where do the replays stand?
-- Reads only.
-- tenant=dodici: the retailer (without: all)

\if :{?tenant} \else \set tenant '' \endif
set time zone 'UTC';

-- Current replays are cursors with an end: temporary integrations (run 1), and runs that were added
-- to an integration by date. Runs that have arrived, or that went with their integration, are known
-- from their receipts. Temporary integrations that have ended are known from the config log. Both
-- are shown for as long as receipts are kept.
with life as (
  select
    *,
    document ->> 'integration_type' = 'temporary' as is_replay,
    case
      when document ->> 'integration_type' = 'temporary' then
        position_of((document ->> 'starts_at')::timestamptz)
    end as starts_at,
    -- The first day that is kept: a partition's name ends with its day.
    (
      select position_of(
        min(to_date(right(inhrelid::regclass::text, 8), 'YYYYMMDD')) at time zone 'UTC'
      )
      from pg_inherits
      where inhparent = 'receipt'::regclass
    ) as kept_since
  from consumer_lives(nullif(:'tenant', ''), null)
),
-- Runs added by date that have no cursor any more, of living and of ended integrations.
past_run as (
  select distinct
    life.tenant, life.id, life.registered, life.ended, life.ending, receipt.run
  from life
  join receipt
    on receipt.tenant = life.tenant and receipt.consumer = life.id
    and receipt.position >= life.registered
    and receipt.position <= coalesce(life.ended, 9223372036854775807)
    and receipt.run > 0
  where not (life.is_replay and receipt.run = 1)
    and not (life.ended is null and exists (
      select from cursor
      where cursor.tenant = receipt.tenant and cursor.consumer = receipt.consumer
        and cursor.run = receipt.run
    ))
),
replay as (
  select
    cursor.tenant, cursor.consumer, cursor.run,
    case
      when consumer.status = 'stopped' then 'stopped'
      when cursor.attempts > 0 then format('failing, %s attempts', cursor.attempts)
      when is_held(cursor.lease_until) then 'running'
      else 'waiting'
    end as state,
    consumer.created_position as registered, null::bigint as ended,
    case when cursor.run = 1 then life.starts_at end as starts_at,
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
  left join life on life.tenant = consumer.tenant and life.id = consumer.id and life.ended is null
  where cursor.stop_position is not null
    and (cursor.tenant = :'tenant' or :'tenant' = '')
  union all
  select tenant, id, run, gone.state, registered, ended, null::bigint, null::bigint, null::bigint,
    null::timestamptz, case when gone.state = 'arrived' then 0 end
  from past_run
  cross join lateral (
    select case
      when ending is null then 'arrived'
      -- An integration completes only after all its other runs have arrived.
      when ending = 'integration_completed' then 'arrived'
      when exists (
        select from masked_config_log as entry
        where entry.tenant = past_run.tenant and entry.id = past_run.id
          and entry.action = 'replay_completed'
          and entry.position between registered and ended
          and entry.reason like format('Replay %s: %%', run)
      ) then 'arrived'
      else 'deleted'
    end as state
  ) as gone
  union all
  select tenant, id, 1,
    case when ending = 'integration_completed' then 'completed' else 'deleted' end,
    registered, ended, starts_at, null::bigint,
    position_of((document ->> 'ends_at')::timestamptz),
    null::timestamptz, case when ending = 'integration_completed' then 0 end
  from life
  where is_replay and ended >= kept_since
)
select
  replay.tenant,
  replay.consumer as integration,
  replay.run,
  replay.state,
  time_of(coalesce(replay.starts_at, 1 + coalesce(done.from_position, replay.read_position)))
    as replays_from,
  time_of(coalesce(replay.stop_position, done.to_position)) as replays_to,
  coalesce(done.delivered, 0) as delivered,
  coalesce(done.rejected, 0) as rejected,
  taken_later.count as taken_later,
  coalesce(done.filtered, 0) as filtered_out,
  replay.events_left,
  case when replay.ended is null then rejected_left.count end as rejected_events_kept,
  time_of(replay.ended) as ended_at,
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
    and receipt.position >= replay.registered
    and receipt.position <= coalesce(replay.ended, 9223372036854775807)
) as done on true
-- Rejected, then sent again by hand and delivered.
left join lateral (
  select count(distinct attempt.event_position)
  from attempt
  where attempt.tenant = replay.tenant and attempt.consumer = replay.consumer
    and attempt.run = replay.run
    and attempt.outcome = 'delivered'
    and attempt.position >= replay.registered
    and attempt.position <= coalesce(replay.ended, 9223372036854775807)
) as taken_later on true
left join lateral (
  select count(*)
  from rejected_event
  where rejected_event.tenant = replay.tenant and rejected_event.consumer = replay.consumer
    and rejected_event.run = replay.run
) as rejected_left on true
order by replay.tenant, replay.consumer, replay.registered, replay.run;
