-- Stores a key, or says why not: 'maker_ended' (the key that makes it, by created_by, is revoked or
-- has expired), 'past' (it would end before it begins), 'full' (a tenant of it has max_count active
-- keys). Else 'created' and when, also if this very key is there already: the call was sent again.
--
-- The maker's row stays locked until the commit, and revoke_key revokes a key before it looks for
-- those that it made: either it finds this one, or this call finds the maker revoked.
--
-- The entry of the config log is written by a trigger of the table (record_key).
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
  -- One key of a tenant after the other, so that the count is exact; in order, so that nobody waits
  -- in a circle.
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
  -- In a statement of its own, which sees what the call's first sending has just committed.
  select k.created_at into strict created_at
  from api_key k
  where k.id = id and k.secret_sha256 = secret_sha256;
end
$$;
