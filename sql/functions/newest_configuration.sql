-- The newest entry of the config log of each, and the positions of its changes. An entry that keeps
-- the version is a note and changes nothing; an id that was removed and registered anew counts from
-- 1 again. To be read like a view, and so are the functions rebuilt_…, which make of it the tables
-- that are projections of the log: each is a part of the query that calls it, and every window is
-- over (tenant, id), so that to ask for one of them reads the entries of that one alone. What tells
-- the kind is the id: a condition on it reaches the log, one on `kind` does not.
create or replace function newest_configuration()
returns table (
  tenant text, id text, kind text, version integer, status text, document jsonb,
  created_position bigint, changed_position bigint, turned_position bigint, stopped_position bigint
)
language sql stable
as $$
select distinct on (tenant, id)
  tenant, id, kind, version, status, document,
  max(position) filter (where is_change and version = 1) over same as created_position,
  max(position) filter (where is_change) over same as changed_position,
  -- Sealed anew a consumer is what it was: see reseal_consumer.
  max(position) filter (where is_change and action <> 'secrets_resealed') over same
    as turned_position,
  max(position) filter (where status = 'stopped' and is_turn) over same as stopped_position
from (
  select
    *,
    version is distinct from lag(version) over log as is_change,
    status is distinct from lag(status) over log as is_turn
  from config_log
  window log as (partition by tenant, id order by position)
) as entry
window same as (partition by tenant, id)
order by tenant, id, position desc
$$;
