-- The configuration as the config log alone has it: a view for each table that is a projection of
-- the log, with its columns, but for those that delivery keeps there (a job's next run, its lease).
-- They are compared with the tables, and put in their place (rebuild_consumer and others).
drop view if exists
  rebuilt_consumer, rebuilt_notification_job, rebuilt_notification_sender, rebuilt_api_key;
drop view if exists rebuilt_configuration;

-- The newest entry of each, and the positions of its changes. An entry that keeps the version is a
-- note and changes nothing; an id that was removed and registered anew counts from 1 again. Every
-- window is over (tenant, id), so that to ask for one of them reads the entries of that one alone.
create view rebuilt_configuration as
select distinct on (tenant, id)
  tenant, id, kind, version, status, action, document,
  max(position) filter (where is_change and version = 1) over same as created_position,
  max(position) filter (where is_change) over same as changed_position,
  -- Sealed anew a consumer is what it was: see reseal_consumer.
  max(position) filter (where is_change and action <> 'secrets_resealed') over same
    as turned_position
from (
  select
    *,
    version is distinct from lag(version) over (partition by tenant, id order by position)
      as is_change
  from config_log
) as entry
window same as (partition by tenant, id)
order by tenant, id, position desc;

-- What tells the kind is the id: a condition on it reaches the log, one on `kind` does not.
create view rebuilt_consumer as
select
  tenant, id, version, status, document, created_position,
  turned_position as changed_position, kind
from rebuilt_configuration
where id !~ '^(job|sender|key):' and status <> 'removed';

-- A deleted job is kept. Entries of before have no document of it then: it is the one that was
-- there, deleted.
create view rebuilt_notification_job as
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
  created_position, changed_position
from rebuilt_configuration as newest
where id ~ '^job:';

create view rebuilt_notification_sender as
select tenant, version, document, changed_position
from rebuilt_configuration
where id = 'sender:sendgrid' and status <> 'removed';

-- A key has an entry for each tenant that it names, all alike.
create view rebuilt_api_key as
select distinct on (substr(newest.id, length('key:') + 1)) key.*
from rebuilt_configuration as newest
cross join lateral jsonb_populate_record(
  null::api_key,
  newest.document || jsonb_build_object('id', substr(newest.id, length('key:') + 1))
) as key
where newest.id ~ '^key:'
order by substr(newest.id, length('key:') + 1), newest.changed_position desc, newest.tenant;
