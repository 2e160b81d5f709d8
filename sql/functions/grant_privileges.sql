-- What the roles of sql/roles.sql may do, as far as there are such roles. `migrate` calls it after
-- each change of the schema, and sql/roles.sql after it has made the roles, so that new tables are
-- known to the service at once and to the auditor only if they are named here. It runs with the
-- rights of its owner, whose tables they are.
--
-- The service: what is evidence it may only add to; what tells the state of the schema it reads.
-- The auditor: reads the log, and nothing that holds a secret, sealed or hashed. A document of the
-- configuration is seen through masked_config_log alone.
create or replace function grant_privileges() returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
  kept record;
begin
  if to_regrole('millrace_service') is not null then
    for kept in
      select relname as name
      from pg_class
      where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
        -- A partition that was detached is nobody's to read.
        and not is_partition_name(relname)
        and pg_get_userbyid(relowner) = current_user
    loop
      execute format('revoke all on %I from millrace_service', kept.name);
      execute format('grant %s on %I to millrace_service',
        case
          when kept.name in ('event', 'event_key', 'config_log', 'receipt', 'attempt')
            then 'select, insert'
          when kept.name = 'api_key' then 'select, insert, update (revoked_at, revoked_by)'
          when kept.name ~ '^(kysely_migration.*|migration_checksum|function_checksum)$'
            then 'select'
          else 'select, insert, update, delete'
        end,
        kept.name);
    end loop;
    grant select on integration, masked_config_log to millrace_service;
    grant select, update on sequence lane_position to millrace_service;
    grant execute on function
      create_partition(regclass, date, integer), retire_partition(regclass) to millrace_service;

    grant usage on schema graphile_worker to millrace_service;
    grant select, insert, update, delete on all tables in schema graphile_worker
      to millrace_service;
    revoke insert, update, delete on graphile_worker.migrations from millrace_service;
    grant usage, select on all sequences in schema graphile_worker to millrace_service;
    -- Its tables show their rows to their owner alone, unless a policy says otherwise.
    for kept in
      select oid::regclass as name
      from pg_class
      where relnamespace = 'graphile_worker'::regnamespace and relrowsecurity
        and not exists (
          select from pg_policy where polrelid = pg_class.oid and polname = 'millrace_service'
        )
    loop
      execute format('create policy millrace_service on %s to millrace_service using (true)',
        kept.name);
    end loop;
  end if;

  if to_regrole('millrace_auditor') is not null then
    revoke all on all tables in schema public from millrace_auditor;
    grant select on
      event, receipt, attempt, rejected_event, export_file, cursor, masked_config_log,
      notification_job, notification_run, notice
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
