-- When this log began: when its first migration was applied. There are no events of before, so
-- nothing of before was lost to the retention. An auditor may ask, who may not read the record of
-- migrations, so it runs with the rights of its owner.
create or replace function log_began() returns timestamptz
language sql stable
security definer
set search_path = pg_catalog, public, pg_temp
as $$
select min(applied_at) from migration_checksum
$$;
