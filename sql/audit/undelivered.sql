-- Question: which events of a period has an integration not received, and why?
-- Reads only.
-- tenant=dodici: the retailer
-- integration=erp-1: the integration, or subscription:crm; may be a removed one
-- from=2026-11-20: events published from this time on (UTC)
-- to=2026-11-21: and before this time

set time zone 'UTC';

with standing as (select * from standing_of(:'tenant', :'integration')),
told_apart as (
  select *
  from event_states(:'tenant', :'integration', :'from'::timestamptz, :'to'::timestamptz)
)
select
  time_of(told_apart.position) as published_at,
  told_apart.name,
  told_apart.entity_id,
  told_apart.state,
  case
    when told_apart.state = 'filtered out' then
      format('The filter of version %s does not take it.', told_apart.version)
    when told_apart.state = 'rejected and kept' then
      format('Answered %s at %s: %s',
        rejected_event.status, rejected_event.rejected_at, rejected_event.response)
    when told_apart.state = 'rejected, not kept any more' then
      'It was answered 400 and is not kept any more: deleted, or removed after its integration.'
    when told_apart.state = 'never registered' then 'There never was such an integration.'
    when told_apart.state = 'before its start' then
      format('It receives what was published after %s.', time_of(standing.starts_after))
    when told_apart.state = 'after its end' then
      format('It ended with %s.', time_of(standing.ends_with))
    when told_apart.state in ('stopped', 'after its removal', 'removed before it was sent')
    then
      format('%s at %s by %s: %s', initcap(standing.status), time_of(standing.turned_position),
        standing.actor, standing.reason)
    when told_apart.state = 'passed over' then
      'Its cursor was moved past it without a delivery, as after a stop past the retention.'
    when told_apart.state in ('being retried', 'behind a failing event') then
      format('%s failures in a row, the last at %s of the event at %s: %s. Next try: %s.',
        live.attempts, time_of(last_failure.position), last_failure.event_position,
        last_failure.reason, coalesce(live.retry_at::text, 'now'))
    when told_apart.state = 'being sent' then 'It was read; no answer is recorded yet.'
    else format('The integration has read up to %s.', time_of(live.read_position))
  end as why,
  told_apart.position
from told_apart
left join standing on true
left join (
  select * from cursor where tenant = :'tenant' and consumer = :'integration' order by run limit 1
) as live on true
left join rejected_event
  on rejected_event.tenant = :'tenant'
  and rejected_event.consumer = :'integration'
  and rejected_event.event_position = told_apart.position
left join lateral (
  select position, event_position, reason
  from attempt
  where tenant = :'tenant' and consumer = :'integration' and run = live.run
    and outcome = 'unavailable'
    -- A kept rejected event does not hold up the stream, however often it is sent again by hand.
    and not exists (
      select from rejected_event
      where rejected_event.tenant = :'tenant' and rejected_event.consumer = :'integration'
        and rejected_event.event_position = attempt.event_position
    )
  order by position desc
  limit 1
) as last_failure on live.attempts > 0
where told_apart.state <> 'delivered'
order by told_apart.position;
