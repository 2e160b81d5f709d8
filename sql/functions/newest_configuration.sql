-- The newest entry of the config log for each (tenant, id), and the positions of its changes. An
-- entry that keeps the version is a note: it changes nothing. An id that was removed and registered
-- again counts its versions from 1 again.
--
-- Use it like a view, like the functions rebuilt_…, which derive the tables that are projections
-- of this log. Postgres inlines each into the calling query. Every window is partitioned by
-- (tenant, id), so a query for one of them reads only its entries. To select a kind, put the
-- condition on `id`: that one reaches the log, a condition on `kind` does not.
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
  -- Resealing changes nothing about a consumer but its secrets: see reseal_consumer.
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
