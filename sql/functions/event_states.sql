-- The state of each event in a range of positions, both ends included, for one consumer. The states
-- are listed in docs/sql.md; `why` is the reason as a sentence. `version` is the configuration that
-- decided it, and `run` the stream that settled it (0: live; null: none has). `at` is the moment of
-- the delivery, of the rejection, of the last failure or of the stop.
--
-- For an id that was registered more than once, only the newest life counts. The evidence is its
-- receipts and attempts. For an unsettled event the current configuration decides, and the cursor
-- that the consumer was registered with (the lowest run). An imported event is filtered out of a
-- live run (0), and not of a replay. The scripts in sql/audit call this function, and so does the
-- API (src/history).
drop function if exists event_states(text, text, timestamptz, timestamptz);
drop function if exists standing_of(text, text);

create or replace function event_states(
  tenant text, consumer text, first_position bigint, last_position bigint
)
returns table (
  "position" bigint, name text, entity_id text, state text, version integer, run integer,
  at bigint, why text
)
language sql stable
as $$
with configuration as materialized (select * from configurations_of($1, $2)),
-- The current or last state; no row if there never was such a consumer.
standing as (
  select
    turn.status, turn.actor, turn.reason, turn.position as turned_position,
    known.version, known.names, known.entities, known.classes, known.takes_all,
    coalesce(
      position_of_text(known.document ->> 'starts_at') - 1,
      (select max(position) from configuration where registers)
    ) as starts_after,
    position_of_text(known.document ->> 'ends_at') as ends_with
  from (
    select * from configuration
    where status is distinct from previous_status
    order by position desc
    limit 1
  ) as turn
  cross join (
    select * from configuration where document is not null order by position desc limit 1
  ) as known
),
-- The newest life of the id: from its registration on. An id with only one life takes everything.
life as (
  select case when count(*) > 1 then max(position) else 0 end as valid_from
  from configuration
  where registers
),
live as (
  select * from cursor where tenant = $1 and consumer = $2 order by run limit 1
),
-- Rejected by the target, or skipped by a person.
rejection as (
  select run, event_position, bool_or(outcome = 'skipped') as is_skipped
  from attempt
  join life on position >= life.valid_from
  where tenant = $1 and consumer = $2
    and event_position between $3 and $4
    and position >= $3 - 86400000000
    -- An event sent again by hand, attempt 0, was rejected or delivered before.
    and outcome in ('rejected', 'skipped') and attempt > 0
  group by run, event_position
),
-- Sent again by hand and delivered: a rejected event, or any other of the log.
taken_later as (
  select event_position, min(position) as at
  from attempt
  join life on position >= life.valid_from
  where tenant = $1 and consumer = $2
    and event_position between $3 and $4
    and position >= $3 - 86400000000
    and outcome in ('delivered', 'resent')
  group by event_position
),
-- The configuration that settled each event, per run: the first one whose range holds it. An event
-- settled out of order lies in the ranges of later configurations, too (see keep_window).
settled_once as (
  select distinct on (event.position, settled_range.run)
    event.position, settled_range.run, settled_range.version,
    takes_event(
      settled_range.takes_all, settled_range.names, settled_range.entities, settled_range.classes,
      event.name, event.entity_id, $2
    ) and (event.live or settled_range.run > 0) as takes
  from event
  join settled_ranges($1, $2, $3, $4) as settled_range
    on event.position <@ settled_range.positions
  where event.tenant = $1 and event.position between $3 and $4
  order by event.position, settled_range.run, settled_range.configured_at
),
-- An event counts as delivered if any run, live or replay, sent it without a 400, or if a manual
-- retry delivered it. The lowest run that did counts. A replay beside the live stream decides
-- nothing about an event that its filter does not take: the run that the consumer was registered
-- with (1 of a temporary integration) may still be about to send it.
settled as (
  select distinct on (settled_once.position)
    settled_once.position, settled_once.run, settled_once.version, settled_once.takes as taken,
    settled_once.takes and (rejection.run is null or taken_later.at is not null) as delivered,
    rejection.is_skipped,
    case when rejection.run is not null then taken_later.at end as taken_at
  from settled_once
  left join rejection
    on rejection.run = settled_once.run
    and rejection.event_position = settled_once.position
  left join taken_later on taken_later.event_position = settled_once.position
  cross join standing
  where settled_once.takes
    or settled_once.run <= case when standing.ends_with is null then 0 else 1 end
  order by
    settled_once.position,
    settled_once.takes and (rejection.run is null or taken_later.at is not null) desc,
    settled_once.takes desc,
    settled_once.run
),
-- The failure that the stream waits for. A kept rejected event does not hold it up, however often
-- it is sent again by hand.
last_failure as (
  select failure.*
  from live
  -- Lateral, so that nothing is read for a stream that does not fail.
  cross join lateral (
    select attempt.position, attempt.event_position, attempt.reason, attempt.response
    from attempt
    where attempt.tenant = $1 and attempt.consumer = $2 and attempt.run = live.run
      and attempt.attempt > 0
      and attempt.outcome = 'unavailable'
      and not exists (
        select from rejected_event
        where rejected_event.tenant = $1 and rejected_event.consumer = $2
          and rejected_event.event_position = attempt.event_position
      )
    order by attempt.position desc
    limit 1
  ) as failure
  where live.attempts > 0
),
told_apart as (
  select
    event.position, event.name, event.entity_id,
    case
      when settled.delivered or taken_later.at is not null then 'delivered'
      when not settled.taken then 'filtered_out'
      when rejected_event.cause = 'skipped' then 'skipped'
      when rejected_event.id is not null then 'rejected'
      when settled.is_skipped then 'skipped_and_removed'
      when settled.taken then 'rejected_and_removed'
      when standing.status is null then 'never_registered'
      when event.position <= standing.starts_after then 'before_its_start'
      when event.position > standing.ends_with then 'after_its_end'
      when not takes_event(
        standing.takes_all, standing.names, standing.entities, standing.classes, event.name,
        event.entity_id, $2
      ) then 'filtered_out'
      -- Only a replay has an end.
      when not event.live and standing.ends_with is null then 'filtered_out'
      when standing.status = 'removed' and event.position > standing.turned_position
        then 'after_its_removal'
      when standing.status = 'removed' then 'removed_before_it_was_sent'
      when event.position < coalesce(live.unresolved[1], live.read_position + 1)
        then 'passed_over'
      when standing.status = 'stopped' then 'stopped'
      when live.attempts > 0 and event.position = live.unresolved[1] then 'being_retried'
      when live.attempts > 0 then 'behind_a_failing_event'
      when event.position = any(live.unresolved) then 'being_sent'
      else 'waiting'
    end as state,
    coalesce(settled.version, standing.version) as version,
    coalesce(settled.run, rejected_event.run) as run,
    case when settled.delivered then settled.taken_at else taken_later.at end as taken_at,
    event.live,
    rejected_event.status as rejected_status,
    position_of(rejected_event.rejected_at) as rejected_at,
    rejected_event.response as rejected_response
  from event
  left join settled on settled.position = event.position
  left join taken_later on taken_later.event_position = event.position
  left join standing on true
  left join live on true
  left join rejected_event
    on rejected_event.tenant = $1
    and rejected_event.consumer = $2
    and rejected_event.event_position = event.position
  where event.tenant = $1 and event.position between $3 and $4
)
select
  told_apart.position, told_apart.name, told_apart.entity_id,
  told_apart.state, told_apart.version, told_apart.run,
  case
    when told_apart.state = 'delivered' then coalesce(told_apart.taken_at, (
      -- The step that settled it, as in settled_ranges. None yet if it was settled out of order.
      select step.position
      from (
        select position, from_position
        from receipt
        cross join life
        where tenant = $1 and consumer = $2 and run = told_apart.run
          and to_position >= told_apart.position
          and position >= $3 - 86400000000 and position >= life.valid_from
          and from_position < to_position
          and delivered + rejected + filtered > 0
        order by to_position
        limit 1
      ) as step
      where step.from_position < told_apart.position
    ))
    when told_apart.state in ('rejected', 'skipped') then told_apart.rejected_at
    when told_apart.state in ('being_retried', 'behind_a_failing_event') then last_failure.position
    when told_apart.state in ('stopped', 'after_its_removal', 'removed_before_it_was_sent')
      then standing.turned_position
  end as at,
  case told_apart.state
    when 'delivered' then
      case
        when told_apart.taken_at is not null then 'It was sent again by hand and accepted.'
        when told_apart.run = 0 then 'The target has accepted it.'
        else format('The target has accepted it from replay %s.', told_apart.run)
      end
    when 'filtered_out' then
      case
        when not told_apart.live and coalesce(told_apart.run, 0) = 0 and standing.ends_with is null
          then 'It was imported: live streams pass over it, replays send it.'
        when told_apart.name like 'millrace.%' and told_apart.entity_id = $2
          then 'It is about this consumer itself.'
        else format('The filter of version %s does not take it.', told_apart.version)
      end
    when 'rejected' then
      format('Answered %s at %s: %s', told_apart.rejected_status,
        told_time(told_apart.rejected_at), told_apart.rejected_response)
    when 'skipped' then
      format('Skipped at %s, since it held up the stream: %s',
        told_time(told_apart.rejected_at), told_apart.rejected_response)
    when 'skipped_and_removed' then
      'It was skipped and is not kept any more: deleted, or removed after its integration.'
    when 'rejected_and_removed' then
      'It was answered 400 and is not kept any more: deleted, or removed after its integration.'
    when 'never_registered' then 'There never was such an integration or subscription.'
    when 'before_its_start' then
      format('It receives what was published after %s.', told_time(standing.starts_after))
    when 'after_its_end' then format('It ended with %s.', told_time(standing.ends_with))
    when 'passed_over' then
      'Its cursor was moved past it without a delivery, as after a stop past the retention.'
    when 'being_sent' then 'It was read; no answer is recorded yet.'
    when 'waiting' then format('The stream has read up to %s.', told_time(live.read_position))
    else
      case
        when told_apart.state in ('being_retried', 'behind_a_failing_event') then
          format('%s failures in a row, the last at %s of the event at %s: %s. Next try: %s.%s',
            live.attempts, told_time(last_failure.position), last_failure.event_position,
            last_failure.reason, coalesce(told_time(position_of(live.retry_at)), 'now'),
            ' Response: ' || nullif(last_failure.response, ''))
        else
          format('%s at %s by %s: %s', initcap(standing.status),
            told_time(standing.turned_position), standing.actor, standing.reason)
      end
  end as why
from told_apart
left join standing on true
left join live on true
left join last_failure on true
$$;
