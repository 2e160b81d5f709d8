-- Creates the roles of Millrace in its database. For an administrator of the server: with psql or
-- any client, before or after the first migration, as often as you like.
--   millrace_owner    migrates: owns the tables and functions
--   millrace_service  serves and works: adds to the log, and changes no table's definition
--   millrace_auditor  reads the log and the configuration, no secret
-- They can log in once you give them a password: `alter role … password '…'`. Their rights are in
-- sql/functions/grant_privileges.sql.

do $$
declare
  missing text;
begin
  for missing in
    select name
    from unnest(array['millrace_owner', 'millrace_service', 'millrace_auditor']) as role (name)
    where not exists (select from pg_roles where rolname = name)
  loop
    execute format('create role %I login', missing);
  end loop;
end
$$;

-- A second guard: an accidental write fails at once.
alter role millrace_auditor set default_transaction_read_only = on;

do $$
begin
  execute format('revoke create, temporary on database %I from public', current_database());
  execute format('grant connect, create, temporary on database %I to millrace_owner',
    current_database());
  -- `rebuild` compares through temporary tables.
  execute format('grant connect, temporary on database %I to millrace_service',
    current_database());
  execute format('grant connect on database %I to millrace_auditor', current_database());
end
$$;

revoke create on schema public from public;
grant usage, create on schema public to millrace_owner;
grant usage on schema public to millrace_service, millrace_auditor;

-- Gives the owner what an installation with a single role has created. Stop the service first: each
-- table is locked.
set lock_timeout = '10s';

do $$
declare
  -- Only a member of a role can give it a table. A superuser is one; on a managed server the
  -- administrator becomes a member for this statement.
  is_member boolean := pg_has_role('millrace_owner', 'usage') and pg_has_role('millrace_owner',
    case when current_setting('server_version_num')::integer < 160000 then 'member' else 'set' end);
  alteration text;
begin
  if not is_member then
    grant millrace_owner to current_user;
  end if;
  -- First, because the new owner of a table must be allowed to create tables in its schema.
  if to_regnamespace('graphile_worker') is not null then
    alter schema graphile_worker owner to millrace_owner;
  end if;
  for alteration in
    with ours as (
      select pg_namespace.oid
      from pg_namespace
      where nspname in ('public', 'graphile_worker')
    ),
    -- Objects of an extension keep their owner.
    object as (
      select
        'pg_class'::regclass as class, pg_class.oid,
        case relkind when 'c' then 'type' when 'S' then 'sequence' else 'table' end as kind,
        pg_class.oid::regclass::text as name
      from pg_class
      join ours on ours.oid = relnamespace
      where relkind in ('r', 'p', 'v', 'c', 'S')
        and relowner <> 'millrace_owner'::regrole
        -- A column's sequence goes with its table.
        and not (relkind = 'S' and exists (
          select from pg_depend
          where classid = 'pg_class'::regclass and objid = pg_class.oid and deptype in ('a', 'i')
            and refclassid = 'pg_class'::regclass
        ))
      union all
      select 'pg_proc'::regclass, pg_proc.oid, 'routine', pg_proc.oid::regprocedure::text
      from pg_proc
      join ours on ours.oid = pronamespace
      where proowner <> 'millrace_owner'::regrole
    )
    select format('alter %s %s owner to millrace_owner', kind, name)
    from object
    where not exists (
      select from pg_depend
      where classid = object.class and objid = object.oid and deptype = 'e'
    )
  loop
    execute alteration;
  end loop;
  if to_regprocedure('public.grant_privileges()') is not null then
    perform public.grant_privileges();
  end if;
  if not is_member then
    revoke millrace_owner from current_user;
  end if;
end
$$;

reset lock_timeout;
