-- Question: who received what, when, under which configuration?
-- Reads only.
-- tenant=dodici: the retailer
-- integration=erp-1: deliveries to it (or subscription:crm; without: all)
-- from=2026-11-20: deliveries from this time on (UTC)
-- to=2026-11-21: and before this time

\if :{?integration} \else \set integration '' \endif
set time zone 'UTC';

-- The configuration changes, each with the span of positions of the receipts that name its version:
-- an id that was removed and registered again counts from 1 again. An entry that keeps the version
-- is a note: it changes nothing.
with configuration as (
  select
    id, version, position, actor, document,
    coalesce(lead(position) over (partition by id, version order by position),
      9223372036854775807) as valid_to
  from (
    select *, lag(version) over (partition by id order by position) as previous_version
    from masked_config_log
    where tenant = :'tenant'
      and (id = :'integration' or :'integration' = '')
  ) as entry
  where version is distinct from previous_version
)
-- Each row is a step of delivery: it settled the unsettled events after `events_after` up to
-- `events_through`. audit/undelivered names the events that were not delivered.
select
  time_of(receipt.position) as settled_at,
  receipt.consumer as integration,
  case when receipt.run = 0 then 'live' else 'replay ' || receipt.run end as run,
  receipt.delivered,
  receipt.rejected,
  receipt.filtered as filtered_out,
  time_of(receipt.from_position) as events_after,
  time_of(receipt.to_position) as events_through,
  receipt.version,
  time_of(configuration.position) as configured_at,
  configuration.actor as configured_by,
  coalesce(
    configuration.document #>> '{callback_parameters,callback_url}',
    's3://' || (configuration.document #>> '{s3_parameters,bucket}'),
    configuration.document #>> '{destination,sqs,queueUrl}',
    configuration.document #>> '{destination,sns,topicArn}'
  ) as target,
  coalesce(
    -- A replay may have a filter of its own.
    replay.filter_conditions,
    configuration.document -> 'filter_conditions',
    -- A subscription's filter is its document without the destination.
    case when configuration.document ? 'entityType' then configuration.document - 'destination' end
  ) as filter
from receipt
left join configuration
  on configuration.id = receipt.consumer
  and configuration.version = receipt.version
  and receipt.position >= configuration.position
  and receipt.position < configuration.valid_to
left join replay
  on replay.tenant = receipt.tenant
  and replay.consumer = receipt.consumer
  and replay.number = receipt.run
where receipt.tenant = :'tenant'
  -- Receipts without counts repeat what steps have settled out of order (keep_window).
  and receipt.delivered + receipt.rejected + receipt.filtered > 0
  and (receipt.consumer = :'integration' or :'integration' = '')
  and receipt.position >= position_of(:'from'::timestamptz)
  and receipt.position < position_of(:'to'::timestamptz)
order by receipt.position, receipt.consumer, receipt.run;
