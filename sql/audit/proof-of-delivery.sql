-- Question: was every event of a period delivered to an integration?
-- Reads only.
-- tenant=dodici: the retailer
-- integration=erp-1: the integration, or subscription:crm; may be a removed one
-- from=2026-11-20: events published from this time on (UTC)
-- to=2026-11-21: and before this time

set time zone 'UTC';

-- passed = delivered + rejected + pending + given_up. In doubt the verdict claims less: a period
-- that reaches past the retention, or that is not over, is never proved. audit/undelivered names
-- the events behind each count.
with told_apart as (
  select state
  from event_states(
    :'tenant', :'integration',
    position_of(:'from'::timestamptz), position_of(:'to'::timestamptz) - 1
  )
),
counted as (
  select
    count(*) as published,
    count(*) filter (where state in (
      'never_registered', 'before_its_start', 'after_its_end', 'after_its_removal'
    )) as outside,
    count(*) filter (where state = 'filtered_out') as filtered_out,
    count(*) filter (where state = 'delivered') as delivered,
    count(*) filter (where state like 'rejected%' or state like 'skipped%') as rejected,
    count(*) filter (where state in (
      'stopped', 'being_retried', 'behind_a_failing_event', 'being_sent', 'waiting'
    )) as pending,
    count(*) filter (where state in ('passed_over', 'removed_before_it_was_sent')) as given_up
  from told_apart
),
-- The first day that is kept: a partition's name ends with its day. Earlier days were removed only
-- if the log had begun by then.
retained as (
  select
    first_day,
    least(log_began(), first_day) as log_began,
    log_began() < first_day as has_lost_days
  from (
    select min(to_date(right(inhrelid::regclass::text, 8), 'YYYYMMDD'))::timestamptz as first_day
    from pg_inherits
    where inhparent = 'event'::regclass
  ) as kept_days
)
select
  published,
  outside as outside_its_time,
  filtered_out,
  passed,
  delivered,
  rejected,
  pending,
  given_up,
  case
    when not exists (select from configurations_of(:'tenant', :'integration')) then
      'Not proved: there never was such an integration or subscription.'
    when :'from'::timestamptz >= :'to'::timestamptz then 'Nothing to prove: the period is empty.'
    when :'from'::timestamptz > now() then
      'Nothing to prove: the period has not begun.'
    when :'to'::timestamptz <= log_began then
      format('Nothing to prove: the log begins at %s, after the period.', log_began)
    when has_lost_days and :'from'::timestamptz < first_day then
      format('Not proved: events before %s are past the retention.', first_day)
    else
      case
        when published = 0 then 'Nothing was published in this period.'
        when passed = 0 and filtered_out = 0 then
          format('Nothing to prove: all %s events lie outside its time.', outside)
        when passed = 0 then
          format('Nothing to prove: its filter takes none of %s events%s.', filtered_out, elsewhere)
        when delivered < passed then
          format('Not proved: of %s events %s were delivered; audit/undelivered says why.',
            passed, delivered)
        else
          format('Proved%s: all %s events that pass its filter were delivered%s.',
            so_far, delivered, elsewhere)
      end
      || case
        when :'from'::timestamptz < log_began then format(' The log begins at %s.', log_began)
        else ''
      end
      || case when so_far = '' then '' else ' The period is not over.' end
  end as verdict
from counted
cross join retained
cross join lateral (
  select
    published - outside - filtered_out as passed,
    case
      when outside > 0 then format('; %s lie outside its time', outside)
      else ''
    end as elsewhere,
    case when :'to'::timestamptz > now() then ' so far' else '' end as so_far
) as answer;
