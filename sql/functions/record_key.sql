-- Writes what an insert or an update has made of a key, unless the log says so already: a key that
-- is rebuilt from it. The lane is taken here, after all rows: see next_position. Its bound comes
-- as a setting of the transaction, for a trigger has no arguments. (0024_config_log has its first
-- text: no key may be made between that migration and its functions.)
create or replace function record_key() returns trigger
language plpgsql
set timezone = 'UTC'
as $$
declare
  change_position bigint;
  is_revoked boolean := new.revoked_at is not null;
  with_maker text := ', with ' || new.created_by || ' that made it';
  is_with_maker boolean := is_revoked and right(new.revoked_by, length(with_maker)) = with_maker;
begin
  if exists (
    select from config_log
    where tenant = new.tenants[1] and id = 'key:' || new.id
      and version >= 1 + is_revoked::integer
  ) then
    return null;
  end if;
  change_position :=
    next_position(nullif(current_setting('millrace.latest_position', true), '')::bigint);
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  )
  select
    named.tenant, change_position, 'key', 'key:' || new.id, 1 + is_revoked::integer,
    case when is_revoked then 'key_revoked' else 'key_created' end,
    case when is_revoked then 'removed' else 'running' end,
    case
      when is_with_maker then left(new.revoked_by, -length(with_maker))
      when is_revoked then new.revoked_by
      else new.created_by
    end,
    case
      when is_with_maker then format('Revoked with %s that made it.', new.created_by)
      when is_revoked then 'Revoked.'
      else 'Created.'
    end,
    jsonb_strip_nulls(to_jsonb(new) - 'id')
  from (select distinct unnest(new.tenants) as tenant) as named;
  perform setval('lane_position', change_position);
  return null;
end
$$;
