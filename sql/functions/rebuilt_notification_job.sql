-- The table `notification_job` as the config log alone has it (see newest_configuration), without
-- what its runs keep there. A deleted job is kept. Entries of before have no document of it then:
-- it is the one that was there, deleted. Who asks for one job names its log_id: a condition on `id`
-- reads the whole log.
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
