-- Gives the roles of sql/roles.sql the passwords that stand in their URLs in /run/secrets: for
-- docker-compose.yml, whose server sees these files. Run it again when one of them was changed.

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
      raise exception 'The password in /run/secrets/%-url has a percent sign: use letters, digits and hyphens.',
        role;
    end if;
    execute format('alter role %I password %L', 'millrace_' || role, password);
  end loop;
end
$$;
