-- The lives of a consumer. An id that was removed and registered again has had more than one. A
-- life spans the log from `registered` to `ended` (null: it goes on). The receipts, attempts and
-- entries with a position in that span belong to it. `ending` is the action that ended it;
-- `document` is its last one, without secrets. A null argument means all tenants or all consumers.
create or replace function consumer_lives(of_tenant text, of_consumer text)
returns table (
  tenant text, id text, kind text, registered bigint, ended bigint, ending text, document jsonb
)
language sql stable
as $$
with entry as (
  select
    *, status <> 'removed' and coalesce(lag(status) over log, 'removed') = 'removed' as registers
  from masked_config_log
  where (of_tenant is null or tenant = of_tenant)
    and (of_consumer is null or id = of_consumer)
    and kind in ('integration', 'subscription', 'projection')
  window log as (partition by tenant, id order by position)
),
numbered as (
  select *, count(*) filter (where registers) over log as life
  from entry
  window log as (partition by tenant, id order by position)
)
select
  tenant, id, min(kind), min(position),
  -- Entries after a removal are notes.
  min(position) filter (where status = 'removed'),
  (array_agg(action order by position) filter (where status = 'removed'))[1],
  (array_agg(document order by position desc) filter (where document is not null))[1]
from numbered
group by tenant, id, life
$$;
