-- Grants the roles of sql/roles.sql their rights, if these roles exist. `migrate` calls it after
-- each change of the schema, and sql/roles.sql calls it after it has created the roles. So the
-- service can use a new table at once; the auditor can only if the table is named here. The
-- function runs with the rights of its owner, who owns the tables.
--
-- The service may only add to evidence, and only read the tables that tell the state of the schema.
-- The auditor reads the log, and no secret, sealed or hashed: documents of the configuration are
-- visible through masked_config_log alone.
create or replace function grant_privileges() returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
  owned record;
begin
  if to_regrole('millrace_service') is not null then
    for owned in
      select relname as name
      from pg_class
      where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
        -- Nobody may read a detached partition.
        and not is_partition_name(relname)
        and pg_get_userbyid(relowner) = current_user
    loop
      execute format('revoke all on %I from millrace_service', owned.name);
      execute format('grant %s on %I to millrace_service',
        case
          when owned.name in ('event', 'event_key', 'config_log', 'receipt', 'attempt')
            then 'select, insert'
          when owned.name = 'api_key' then 'select, insert, update (revoked_at, revoked_by)'
          when owned.name ~ '^(kysely_migration.*|migration_checksum|function_checksum)$'
            then 'select'
          else 'select, insert, update, delete'
        end,
        owned.name);
    end loop;
    grant select on integration, masked_config_log to millrace_service;
    grant select, update on sequence lane_position to millrace_service;
    grant execute on function
      create_partition(regclass, date, integer), retire_partition(regclass), flush_event_ids(),
      events_of_id(text, text, bigint, bigint, boolean, integer)
      to millrace_service;

    grant usage on schema graphile_worker to millrace_service;
    grant select, insert, update, delete on all tables in schema graphile_worker
      to millrace_service;
    revoke insert, update, delete on graphile_worker.migrations from millrace_service;
    grant usage, select on all sequences in schema graphile_worker to millrace_service;
    -- graphile_worker's tables use row security: only their owner sees rows, unless a policy
    -- exists.
    for owned in
      select oid::regclass as name
      from pg_class
      where relnamespace = 'graphile_worker'::regnamespace and relrowsecurity
        and not exists (
          select from pg_policy where polrelid = pg_class.oid and polname = 'millrace_service'
        )
    loop
      execute format('create policy millrace_service on %s to millrace_service using (true)',
        owned.name);
    end loop;
  end if;

  if to_regrole('millrace_auditor') is not null then
    revoke all on all tables in schema public from millrace_auditor;
    grant select on
      event, receipt, attempt, rejected_event, export_file, cursor, replay, masked_config_log,
      notification_job, notification_run, notice, registered_event_type
      to millrace_auditor;
    grant execute on function events_of_id(text, text, bigint, bigint, boolean, integer)
      to millrace_auditor;
    grant select (
      tenant, id, kind, version, status, created_position, changed_position, stopped_position
    ) on consumer to millrace_auditor;
    grant select (
      id, name, tenants, scopes, teams, services, event_names, created_at, created_by, expires_at,
      revoked_at, revoked_by
    ) on api_key to millrace_auditor;
  end if;
end
$$;

revoke execute on function grant_privileges() from public;
