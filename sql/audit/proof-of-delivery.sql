-- Question: was every event of a period delivered to an integration?
-- Reads only.
-- tenant=dodici: the retailer
-- integration=erp-1: the integration, or subscription:crm; one that was removed is known too
-- from=2026-11-20: events published from this time on (UTC)
-- to=2026-11-21: and before this one

set time zone 'UTC';

-- passed = delivered + rejected + pending + given_up. The verdict says less than it could rather
-- than more: a period that reaches past the retention is never proved. Up to `told_apart` this is
-- the same text as in audit/undelivered, which names the events behind each count.
with standing as (select * from standing_of(:'tenant', :'integration')),
told_apart as (
  select *
  from event_states(:'tenant', :'integration', :'from'::timestamptz, :'to'::timestamptz)
),
counted as (
  select
    count(*) as published,
    count(*) filter (where state in (
      'never registered', 'before its start', 'after its end', 'after its removal'
    )) as outside,
    count(*) filter (where state = 'filtered out') as filtered_out,
    count(*) filter (where state = 'delivered') as delivered,
    count(*) filter (where state like 'rejected%') as rejected,
    count(*) filter (where state in (
      'stopped', 'being retried', 'behind a failing event', 'being sent', 'not read yet'
    )) as pending,
    count(*) filter (where state in ('passed over', 'removed before it was sent')) as given_up,
    -- The first day that is kept: the name of a partition ends with its day.
    (
      select min(to_date(right(inhrelid::regclass::text, 8), 'YYYYMMDD'))
      from pg_inherits
      where inhparent = 'event'::regclass
    ) as kept_since
  from told_apart
)
select
  published,
  outside as outside_its_time,
  filtered_out,
  published - outside - filtered_out as passed,
  delivered,
  rejected,
  pending,
  given_up,
  case
    when not exists (select from standing) then
      'Not proved: there never was such an integration.'
    when :'from'::timestamptz < kept_since then
      format('Not proved: events before %s are past the retention.', kept_since)
    when :'from'::timestamptz >= :'to'::timestamptz then 'Not proved: the period is empty.'
    when published = 0 then 'Nothing was published in this period.'
    when delivered < published - outside - filtered_out then
      format('Not proved: of %s events %s were delivered; audit/undelivered says why.',
        published - outside - filtered_out, delivered)
    else
      format('Proved: all %s events that pass its filter were delivered%s.', delivered,
        case when outside > 0 then format('; %s lie outside its time', outside) else '' end)
  end as verdict
from counted;
