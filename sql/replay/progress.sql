-- Question: where do the replays stand?
-- Reads only.
-- tenant=dodici: the retailer (without: all)

\if :{?tenant} \else \set tenant '' \endif
set time zone 'UTC';

-- Replays beside the live stream have records, which are kept as long as their receipts. A
-- temporary integration is a replay, too. While it lives it has the cursor of run 1; after its end
-- it is known from the config log.
with life as (
  select
    *,
    position_of_text(document ->> 'starts_at') as starts_at,
    -- The first day that is kept: a partition's name ends with its day.
    (
      select position_of(
        min(to_date(right(inhrelid::regclass::text, 8), 'YYYYMMDD')) at time zone 'UTC'
      )
      from pg_inherits
      where inhparent = 'receipt'::regclass
    ) as kept_since
  from consumer_lives(nullif(:'tenant', ''), null)
  where document ->> 'integration_type' = 'temporary'
),
replay as (
  select
    tenant, consumer, number as run, state, started_position as registered,
    ended_position as ended, from_position, to_position, settled_position, retry_at,
    end_reason as reason
  from replays_of(nullif(:'tenant', ''), null)
  union all
  select
    life.tenant, life.id, 1,
    case
      when life.ending = 'integration_completed' then 'completed'
      when life.ended is not null then 'cancelled'
      when consumer.status = 'stopped' then 'stopped'
      when cursor.attempts > 0 then 'interrupted'
      else 'running'
    end,
    life.registered, life.ended, life.starts_at,
    position_of_text(life.document ->> 'ends_at'),
    coalesce(cursor.unresolved[1] - 1, cursor.read_position),
    case when cursor.attempts > 0 then cursor.retry_at end,
    null
  from life
  left join consumer
    on consumer.tenant = life.tenant and consumer.id = life.id and life.ended is null
  left join cursor
    on cursor.tenant = consumer.tenant and cursor.consumer = consumer.id and cursor.run = 1
  where coalesce(life.ended, life.kept_since) >= life.kept_since
)
select
  replay.tenant,
  replay.consumer as integration,
  replay.run,
  replay.state,
  time_of(replay.from_position) as replays_from,
  time_of(replay.to_position) as replays_to,
  done.delivered,
  done.rejected,
  taken_later.count as taken_later,
  done.filtered as filtered_out,
  events_left.count as events_left,
  case when replay.ended is null then rejected_left.count end as rejected_events_kept,
  time_of(replay.ended) as ended_at,
  replay.reason,
  time_of(done.position) as last_step_at,
  done.last_minute as settled_in_last_minute,
  case
    when events_left.count > 0 and done.last_minute > 0 then
      events_left.count * interval '1 minute' / done.last_minute
  end as time_left,
  replay.retry_at
from replay
cross join lateral (
  select
    max(receipt.position) as position,
    coalesce(sum(receipt.delivered), 0) as delivered,
    coalesce(sum(receipt.rejected), 0) as rejected,
    coalesce(sum(receipt.filtered), 0) as filtered,
    sum(receipt.delivered + receipt.rejected + receipt.filtered) filter (
      where receipt.position > position_of(clock_timestamp() - interval '1 minute')
    ) as last_minute
  from receipt
  where receipt.tenant = replay.tenant and receipt.consumer = replay.consumer
    and receipt.run = replay.run
    and receipt.position >= replay.registered
    and receipt.position <= coalesce(replay.ended, 9223372036854775807)
) as done
-- Rejected, then sent again by hand and delivered.
cross join lateral (
  select count(distinct attempt.event_position)
  from attempt
  where attempt.tenant = replay.tenant and attempt.consumer = replay.consumer
    and attempt.run = replay.run
    and attempt.outcome = 'delivered'
    and attempt.position >= replay.registered
    and attempt.position <= coalesce(replay.ended, 9223372036854775807)
) as taken_later
cross join lateral (
  select count(*)
  from rejected_event
  where rejected_event.tenant = replay.tenant and rejected_event.consumer = replay.consumer
    and rejected_event.run = replay.run
) as rejected_left
-- Of one that is under way: events that are not settled, whatever its filter takes of them.
cross join lateral (
  select case
    when replay.state = 'completed' then 0
    when replay.ended is null then (
      select count(*)
      from event
      left join cursor
        on cursor.tenant = replay.tenant and cursor.consumer = replay.consumer
        and cursor.run = replay.run
      where event.tenant = replay.tenant
        and event.position > replay.settled_position and event.position <= replay.to_position
        and (
          cursor.run is null or event.position > cursor.read_position
          or event.position = any(cursor.unresolved)
        )
    )
  end as count
) as events_left
order by replay.tenant, replay.consumer, replay.registered, replay.run;
