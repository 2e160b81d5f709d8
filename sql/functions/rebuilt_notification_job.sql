-- The table `notification_job` according to the config log alone (see newest_configuration),
-- without the columns that its runs keep there. A deleted job stays. Older entries of a deletion
-- have no document; then this gives the previous one, marked as deleted. To select one job, put the
-- condition on log_id: a condition on `id` reads the whole log.
drop function if exists rebuilt_notification_job();

create or replace function rebuilt_notification_job()
returns table (
  tenant text, id text, version integer, document jsonb, created_position bigint,
  changed_position bigint, log_id text
)
language sql stable
as $$
select
  tenant, substr(id, length('job:') + 1) as id, version,
  coalesce(
    document,
    (
      select earlier.document || '{"deleted": true}'
      from config_log as earlier
      where earlier.tenant = newest.tenant and earlier.id = newest.id
        and earlier.document is not null
      order by earlier.position desc
      limit 1
    )
  ) as document,
  created_position, changed_position, id as log_id
from newest_configuration() as newest
where id ~ '^job:'
$$;
