-- The replays of a consumer, or of all consumers (null), with their progress. `state` is that of
-- the record, or in its place: 'waiting' (the consumer is stopped), 'interrupted' (the oldest
-- unsettled event has failed), or 'cancelling'. The API and the scripts both read it.
create or replace function replays_of(of_tenant text, of_consumer text)
returns table (
  tenant text, consumer text, number integer, state text, started_position bigint,
  from_position bigint, to_position bigint, filter_conditions jsonb, rate integer, total bigint,
  is_estimate boolean, delivered bigint, rejected bigint, filtered bigint, last_minute bigint,
  settled_position bigint, attempts integer, retry_at timestamptz, is_held boolean, actor text,
  ended_by text, end_reason text, ended_position bigint
)
language sql stable
as $$
select
  replay.tenant, replay.consumer, replay.number,
  case
    when replay.ended_position is not null then replay.state
    when replay.ends_as = 'cancelled' then 'cancelling'
    when consumer.status = 'stopped' then 'waiting'
    when replay.ends_as = 'failed' or cursor.attempts > 0 then 'interrupted'
    else replay.state
  end as state,
  replay.started_position, replay.from_position, replay.to_position, replay.filter_conditions,
  replay.rate, replay.total, replay.is_estimate,
  coalesce(replay.delivered, done.delivered, 0),
  coalesce(replay.rejected, done.rejected, 0),
  coalesce(replay.filtered, done.filtered, 0),
  coalesce(done.last_minute, 0),
  coalesce(
    replay.settled_position, cursor.unresolved[1] - 1, cursor.read_position,
    replay.from_position - 1
  ),
  coalesce(cursor.attempts, 0),
  case when cursor.attempts > 0 then cursor.retry_at end,
  coalesce(is_held(cursor.lease_until), false),
  replay.actor, replay.ended_by, replay.end_reason, replay.ended_position
from replay
left join consumer on consumer.tenant = replay.tenant and consumer.id = replay.consumer
left join cursor
  on cursor.tenant = replay.tenant and cursor.consumer = replay.consumer
  and cursor.run = replay.number
left join lateral (
  select *
  from replay_counts(replay.tenant, replay.consumer, replay.number)
  where replay.state = 'running'
) as done on true
where (of_tenant is null or replay.tenant = of_tenant)
  and (of_consumer is null or replay.consumer = of_consumer)
$$;
