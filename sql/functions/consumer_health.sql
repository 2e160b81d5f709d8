-- The evidence for the health of a tenant's consumers of one kind, or of one of them (null: all):
-- by their own cursor, which is that of the lowest run.
-- * stopped: since when, by whom and why.
-- * failing: since when, how often, the last failure, and when it is tried again.
-- * behind: the oldest unsettled event is older than late_after, and no file is planned for it.
--   How many events it has yet to deliver, among those that it has read and the next 1000;
--   more_behind: the log goes on after them. A replay is never behind: its events are old.
-- * ok: none of these.
-- filtered_all: if its filter has never taken an event, how many it has passed over since its last
--   change, among the newest 1000: an import may have any number. Alerts and imported events do not
--   count: it is not the filter that passes over these. Null if there is none.
-- is_held: a worker has not released the consumer yet, or closes its file. So the requests of a
-- stopped one that have left are still being answered.
-- failing_position is the event that holds up the stream (failing_event), of a stopped one, too.
drop function if exists consumer_health(text, text, text, interval);

create or replace function consumer_health(
  of_tenant text, of_kind text, of_consumer text, late_after interval
)
returns table (
  consumer text, state text, since bigint, actor text, reason text, response text,
  failing_position bigint, name text, entity_id text, tries integer, retry_at timestamptz,
  events_behind integer, more_behind boolean, filtered_all integer, is_held boolean
)
language sql stable
as $$
with late as (
  -- The newest event that should have been settled by now: one question for all consumers. As a
  -- subquery, the clock is read once, and bounds the index: else every newer event is looked at.
  select position
  from event
  where tenant = $1 and position <= (select position_of(clock_timestamp() - $4))
  order by position desc
  limit 1
),
own as (
  select
    consumer.id, coalesce(consumer.stopped_position, consumer.changed_position) as stopped_position,
    cursor.run, cursor.attempts, cursor.read_position, cursor.unresolved,
    case when cursor.attempts > 0 and consumer.status = 'running' then cursor.retry_at end
      as retry_at,
    consumer.changed_position,
    filter.names, filter.entities, filter.classes, filter.takes_all,
    cursor.delivered + cursor.rejected = 0 and cursor.filtered > 0 and not filter.takes_all
      as took_none,
    case
      when consumer.status = 'stopped' then 'stopped'
      when cursor.attempts > 0 then 'failing'
      when cursor.stop_position is null
        and coalesce(cursor.unresolved[1] - 1, cursor.read_position) < late.position
        and coalesce(cursor.retry_at < clock_timestamp() - $4, true) then 'behind'
      else 'ok'
    end as state
  from consumer
  join lateral (
    select * from cursor
    where cursor.tenant = consumer.tenant and cursor.consumer = consumer.id
    order by run
    limit 1
  ) as cursor on true
  left join late on true
  cross join lateral document_filter(consumer.kind, consumer.document) as filter
  where consumer.tenant = $1 and consumer.kind = $2 and (consumer.id = $3 or $3 is null)
)
select
  own.id, own.state,
  case own.state
    when 'stopped' then own.stopped_position
    when 'failing' then coalesce(first_failure.position, last_failure.position)
    when 'behind' then oldest.position
  end,
  stop.actor,
  coalesce(stop.reason, last_failure.reason), last_failure.response,
  failing.position, failing_one.name, failing_one.entity_id,
  own.attempts, own.retry_at,
  behind.events, behind.goes_on,
  nullif(passed_over.events, 0),
  exists (
    select from cursor
    where cursor.tenant = $1 and cursor.consumer = own.id
      and (is_held(cursor.lease_until) or is_held(cursor.close_until))
  )
from own
left join config_log as stop
  on own.state = 'stopped' and stop.tenant = $1 and stop.position = own.stopped_position
left join lateral (
  select failing_event($1, own.id, own.run) as position
  where own.state in ('stopped', 'failing') and own.unresolved <> '{}'
) as failing on true
left join event as failing_one
  on failing_one.tenant = $1 and failing_one.position = failing.position
left join lateral (
  select attempt.position, attempt.reason, attempt.response
  from attempt
  where own.state = 'failing'
    and attempt.tenant = $1 and attempt.consumer = own.id and attempt.run = own.run
    and attempt.attempt > 0 and attempt.outcome = 'unavailable'
  order by attempt.position desc
  limit 1
) as last_failure on true
-- Consecutive attempts count from 1.
left join lateral (
  select attempt.position
  from attempt
  where attempt.tenant = $1 and attempt.consumer = own.id and attempt.run = own.run
    and attempt.attempt = 1 and attempt.outcome = 'unavailable'
    and attempt.position <= last_failure.position
  order by attempt.position desc
  limit 1
) as first_failure on true
left join lateral (
  select coalesce(own.unresolved[1], (
    select event.position
    from event
    where event.tenant = $1 and event.position > own.read_position
    order by event.position
    limit 1
  )) as position
  where own.state = 'behind'
) as oldest on true
left join lateral (
  select
    cardinality(own.unresolved) + count(*) filter (
      where unread.live and takes_event(
        own.takes_all, own.names, own.entities, own.classes, unread.name, unread.entity_id, own.id
      )
    )::integer as events,
    count(*) = 1000 as goes_on
  from (
    select event.name, event.entity_id, event.live
    from event
    where event.tenant = $1 and event.position > own.read_position
    order by event.position
    limit 1000
  ) as unread
  where own.state = 'behind'
) as behind on true
left join lateral (
  select
    count(*) filter (where newest.live and newest.name not like 'millrace.%')::integer as events
  from (
    select event.live, event.name
    from event
    where event.tenant = $1
      and event.position > own.changed_position and event.position <= own.read_position
    order by event.position desc
    limit 1000
  ) as newest
  where own.state = 'ok' and own.took_none
) as passed_over on true
order by own.id
$$;
