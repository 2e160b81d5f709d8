-- When this log began: the time of its first migration. No event is older, so retention has removed
-- nothing from before it. Auditors may call this but may not read the record of migrations, so it
-- runs with the rights of its owner.
create or replace function log_began() returns timestamptz
language sql stable
security definer
set search_path = pg_catalog, public, pg_temp
as $$
select min(applied_at) from migration_checksum
$$;
