-- Sets the passwords of the roles of sql/roles.sql to those in their URLs in /run/secrets. It is
-- for docker-compose.yml, whose server sees these files. Run it again after changing one of them.

do $$
declare
  role text;
  password text;
begin
  foreach role in array array['owner', 'service', 'auditor'] loop
    password := substring(
      pg_read_file(format('/run/secrets/%s-url', role)) from '://[^:/@]+:([^@/]+)@'
    );
    if password is null then
      raise exception '/run/secrets/%-url has no password: postgres://role:password@host/database',
        role;
    end if;
    if password like '%\%%' then
      raise exception 'The password in /run/secrets/%-url has a percent sign: '
        'use letters, digits and hyphens.', role;
    end if;
    execute format('alter role %I password %L', 'millrace_' || role, password);
  end loop;
end
$$;
