-- Question: which integrations are failing or stopped, since when and why?
-- Reads only.
-- tenant=dodici: the retailer (without: all)

\if :{?tenant} \else \set tenant '' \endif
set time zone 'UTC';

select
  consumer.tenant,
  consumer.id as integration,
  cursor.run,
  case when consumer.status = 'stopped' then 'stopped' else 'failing' end as state,
  case
    when consumer.status = 'stopped' then time_of(stop.position)
    else time_of(first_failure.position)
  end as since,
  case when consumer.status = 'stopped' then stop.actor end as stopped_by,
  case when consumer.status = 'stopped' then stop.reason else last_failure.reason end as why,
  cursor.attempts,
  cursor.retry_at,
  time_of(last_failure.position) as last_failed_at,
  last_failure.event_position,
  last_failure.outcome,
  last_failure.status as http_status,
  last_failure.response,
  (
    select count(*)
    from rejected_event
    where rejected_event.tenant = consumer.tenant and rejected_event.consumer = consumer.id
  ) as rejected_events_kept
from consumer
join cursor on cursor.tenant = consumer.tenant and cursor.consumer = consumer.id
left join lateral (
  select position, version, actor, reason
  from masked_config_log as entry
  where entry.tenant = consumer.tenant
    and entry.id = consumer.id and entry.action = consumer.kind || '_stopped'
  order by position desc
  limit 1
) as stop on true
-- A kept rejected event does not hold up the stream, however often it is sent again by hand.
left join lateral (
  select *
  from attempt
  where attempt.tenant = cursor.tenant and attempt.consumer = cursor.consumer
    and attempt.run = cursor.run and attempt.outcome in ('unavailable', 'refused')
    and attempt.attempt > 0
    and not exists (
      select from rejected_event
      where rejected_event.tenant = attempt.tenant
        and rejected_event.consumer = attempt.consumer
        and rejected_event.event_position = attempt.event_position
    )
  order by attempt.position desc
  limit 1
) as last_failure on true
-- Consecutive attempts count from 1.
left join lateral (
  select attempt.position
  from attempt
  where attempt.tenant = cursor.tenant and attempt.consumer = cursor.consumer
    and attempt.run = cursor.run and attempt.attempt = 1 and attempt.outcome = 'unavailable'
    and attempt.position <= last_failure.position
    and not exists (
      select from rejected_event
      where rejected_event.tenant = attempt.tenant
        and rejected_event.consumer = attempt.consumer
        and rejected_event.event_position = attempt.event_position
    )
  order by attempt.position desc
  limit 1
) as first_failure on true
-- A subscription may be created inactive. Then its last stop is its first version, and nobody and
-- no failure has stopped it.
where (consumer.tenant = :'tenant' or :'tenant' = '')
  and case
    when consumer.status = 'stopped' then stop.version is distinct from 1
    else cursor.attempts > 0
  end
order by since, consumer.tenant, consumer.id, cursor.run;
