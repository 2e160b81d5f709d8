-- The state of each event published from one time on and before another. `version` is the
-- configuration that decided it. For an id that was registered more than once, only the newest life
-- counts. The evidence is its receipts and attempts. For an unsettled event the current
-- configuration decides, and the cursor that the consumer was registered with (the lowest run).
-- Only the scripts in sql/audit call this function.
create or replace function event_states(
  tenant text, consumer text, published_from timestamptz, published_before timestamptz
)
returns table ("position" bigint, name text, entity_id text, state text, version integer)
language sql stable
as $$
with configuration as (select * from configurations_of($1, $2)),
standing as (select * from standing_of($1, $2)),
-- The newest life of the id: from its registration on. An id with only one life takes everything.
life as (
  select case when count(*) > 1 then max(registered) else 0 end as valid_from
  from consumer_lives($1, $2)
),
-- Settled ranges of positions, by run and configuration. Receipts give most of them; a receipt is
-- written after its events, give or take a clock that was set back. The rest stands in each
-- cursor's window: events settled out of order, under the version that read the window.
settled_range as (
  select
    receipt.run, configuration.position as configured_at,
    configuration.version, configuration.names, configuration.entities, configuration.classes,
    configuration.takes_all,
    range_agg(int8range(receipt.from_position, receipt.to_position, '(]')) as positions
  from receipt
  join configuration
    on configuration.version = receipt.version
    and receipt.position >= configuration.valid_from
    and receipt.position < configuration.valid_to
  join life on receipt.position >= life.valid_from
  where receipt.tenant = $1
    and receipt.consumer = $2
    and receipt.position >= position_of($3 - interval '1 day')
    and receipt.from_position < receipt.to_position
    and receipt.to_position >= position_of($3)
    and receipt.from_position < position_of($4)
  group by
    receipt.run, configuration.position, configuration.version, configuration.names,
    configuration.entities, configuration.classes, configuration.takes_all
  union all
  select
    cursor.run, configuration.position, configuration.version,
    configuration.names, configuration.entities, configuration.classes, configuration.takes_all,
    int8multirange(int8range(cursor.unresolved[1], cursor.read_position, '[]'))
      - (select range_agg(int8range(waiting, waiting, '[]')) from unnest(unresolved) as waiting)
  from cursor
  cross join standing
  join configuration
    on configuration.version = coalesce(cursor.version, standing.version)
    and configuration.valid_to = 9223372036854775807
  where cursor.tenant = $1 and cursor.consumer = $2
    and cursor.unresolved <> '{}'
),
rejection as (
  select distinct run, event_position
  from attempt
  join life on position >= life.valid_from
  where tenant = $1 and consumer = $2
    and outcome = 'rejected'
    and position >= position_of($3 - interval '1 day')
    and event_position >= position_of($3)
    and event_position < position_of($4)
),
-- Rejected, then sent again by hand and delivered.
taken_later as (
  select distinct event_position
  from attempt
  join life on position >= life.valid_from
  where tenant = $1 and consumer = $2
    and outcome = 'delivered'
    and position >= position_of($3 - interval '1 day')
    and event_position >= position_of($3)
    and event_position < position_of($4)
),
-- The configuration that settled each event, per run: the first one whose range holds it. An event
-- settled out of order lies in the ranges of later configurations, too (see keep_window).
settled_once as (
  select distinct on (event.position, settled_range.run)
    event.position, settled_range.run, settled_range.version,
    takes_event(
      settled_range.takes_all, settled_range.names, settled_range.entities, settled_range.classes,
      event.name
    ) as takes
  from event
  join settled_range on event.position <@ settled_range.positions
  where event.tenant = $1
    and event.position >= position_of($3)
    and event.position < position_of($4)
  order by event.position, settled_range.run, settled_range.configured_at
),
-- An event counts as delivered if any run, live or replay, sent it without a 400, or if a manual
-- retry delivered it.
settled as (
  select
    settled_once.position,
    max(settled_once.version) as version,
    bool_or(takes) as taken,
    bool_or(
      takes and (rejection.run is null or taken_later.event_position is not null)
    ) as delivered
  from settled_once
  left join rejection
    on rejection.run = settled_once.run
    and rejection.event_position = settled_once.position
  left join taken_later on taken_later.event_position = settled_once.position
  group by settled_once.position
)
select
  event.position, event.name, event.entity_id,
  case
    when settled.delivered then 'delivered'
    when not settled.taken then 'filtered out'
    when rejected_event.id is not null then 'rejected and kept'
    when settled.taken then 'rejected, not kept any more'
    when standing.status is null then 'never registered'
    when event.position <= standing.starts_after then 'before its start'
    when event.position > standing.ends_with then 'after its end'
    when not takes_event(
      standing.takes_all, standing.names, standing.entities, standing.classes, event.name
    ) then 'filtered out'
    when standing.status = 'removed' and event.position > standing.turned_position
      then 'after its removal'
    when standing.status = 'removed' then 'removed before it was sent'
    when event.position < coalesce(live.unresolved[1], live.read_position + 1) then 'passed over'
    when standing.status = 'stopped' then 'stopped'
    when live.attempts > 0 and event.position = live.unresolved[1] then 'being retried'
    when live.attempts > 0 then 'behind a failing event'
    when event.position = any(live.unresolved) then 'being sent'
    else 'not read yet'
  end as state,
  coalesce(settled.version, standing.version) as version
from event
left join settled on settled.position = event.position
left join standing on true
left join (
  select * from cursor where tenant = $1 and consumer = $2 order by run limit 1
) as live on true
left join rejected_event
  on rejected_event.tenant = $1
  and rejected_event.consumer = $2
  and rejected_event.event_position = event.position
where event.tenant = $1
  and event.position >= position_of($3)
  and event.position < position_of($4)
$$;
