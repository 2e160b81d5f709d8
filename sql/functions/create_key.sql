-- Stores an API key. Outcomes: 'created', also if this very key is stored already (the call was
-- repeated); 'maker_ended': the key that makes it (see created_by) is revoked or has expired;
-- 'past': expires_at is not in the future; 'full': one of its tenants has max_count active keys.
--
-- The maker's row stays locked until the commit, and revoke_key locks a key before it looks for
-- those that it made. So either the revocation finds the new key, or this call finds the maker
-- revoked.
--
-- A trigger of the table writes the entry of the config log (record_key).
drop function if exists create_key(
  text, text, bytea, text[], text[], text[], text[], text[], integer, text, timestamptz, integer
);

create or replace function create_key(
  id text, name text, secret_sha256 bytea, tenants text[], scopes text[], teams text[],
  services text[], event_names text[], rate integer, created_by text, expires_at timestamptz,
  max_count integer, latest_position bigint default null,
  out outcome text, out created_at timestamptz
)
language plpgsql as $$
#variable_conflict use_variable
declare
  maker text := substring(created_by from '^API key ([0-9a-f]{12}) \(');
begin
  outcome := 'created';
  select k.created_at into created_at
  from api_key k
  where k.id = id and k.secret_sha256 = secret_sha256;
  if found then
    return;
  end if;
  if maker is not null then
    perform from api_key k
    where k.id = maker and k.revoked_at is null
      and (k.expires_at is null or k.expires_at > clock_timestamp())
    for share;
    if not found then
      outcome := 'maker_ended';
      return;
    end if;
  end if;
  if expires_at <= clock_timestamp() then
    outcome := 'past';
    return;
  end if;
  -- New keys of a tenant wait for each other here, so that the count is exact. The tenants are
  -- locked in order, so that two calls cannot deadlock.
  perform pg_advisory_xact_lock(hashtextextended('api_key:' || tenant, 0))
  from (select unnest(tenants) as tenant order by 1) as named;
  if exists (
    select
    from unnest(tenants) as named (tenant)
    where max_count <= (
      select count(*) from api_key k
      where k.tenants @> array[named.tenant] and k.revoked_at is null
        and (k.expires_at is null or k.expires_at > clock_timestamp())
    )
  ) then
    outcome := 'full';
    return;
  end if;
  perform set_config('millrace.latest_position', latest_position::text, true);
  insert into api_key (
    id, name, secret_sha256, tenants, scopes, teams, services, event_names, rate, created_by,
    expires_at
  ) values (
    id, name, secret_sha256, tenants, scopes, teams, services, event_names, rate, created_by,
    expires_at
  )
  on conflict do nothing;
  -- A separate statement sees what the first sending of this call has just committed.
  select k.created_at into strict created_at
  from api_key k
  where k.id = id and k.secret_sha256 = secret_sha256;
end
$$;
