-- Question: how was everything configured at a moment?
-- Reads only.
-- tenant=dodici: the retailer
-- at=2026-11-20T12:00Z: the moment (UTC), with the changes made at it

set time zone 'UTC';

select kind, id, status, version, changed_at, changed_by, reason, document
from (
  select distinct on (kind, id)
    kind, id, status, version,
    time_of(position) as changed_at,
    actor as changed_by,
    reason,
    document
  from (
    select *, lag(version) over (partition by kind, id order by position) as previous_version
    from masked_config_log
    -- A key for every tenant ('*') counts for each of them.
    where (tenant = :'tenant' or tenant = '*' and kind = 'key')
      and position <= position_of(:'at'::timestamptz)
  ) as entry
  -- An entry that keeps the version is a note: it changes nothing.
  where version is distinct from previous_version
  order by kind, id, position desc
) as newest
where status <> 'removed'
  -- A key expires without an entry.
  and not (kind = 'key'
    and coalesce((document ->> 'expires_at')::timestamptz <= :'at'::timestamptz, false))
order by kind, id;
