-- Question: who changed what, when and why, and what was it before and after?
-- Reads only.
-- tenant=dodici: the retailer
-- integration=erp-1: its changes (or subscription:crm, job:x, key:0c9be2f17a35; without: all)
-- from=2026-11-20: changes from this time on (UTC)
-- to=2026-11-21: and before this time

\if :{?integration} \else \set integration '' \endif
set time zone 'UTC';

select
  time_of(position) as changed_at, actor, kind, id, coalesce(after, before) ->> 'name' as name,
  action, reason, version, status, before, after
from (
  select
    position, actor, kind, id, action, reason, version, status,
    lag(version) over (partition by kind, id order by position) as previous_version,
    lag(document) over (partition by kind, id order by position) as before,
    document as after
  from masked_config_log
  -- A key for every tenant ('*') counts for each of them.
  where (tenant = :'tenant' or tenant = '*' and kind = 'key')
    and (id = :'integration' or :'integration' = '')
) as change
-- An entry that keeps the version is a note: it changes nothing.
where version is distinct from previous_version
  and position >= position_of(:'from'::timestamptz)
  and position < position_of(:'to'::timestamptz)
order by position, id;
