-- Writes a key's creation (its insert) and its revocation into the config log: an entry for each
-- tenant that the key names. It writes no entry that the log has already, as for a key rebuilt from
-- the log, and none for other changes of the row. The entry of a revocation repeats the purpose and
-- the grants of the creation's entry, not of the row. (Unless the log has no creation of the key:
-- then it uses the row.)
--
-- The lane is taken here, after all rows: see next_position. Its bound comes as a setting of the
-- transaction, since a trigger has no arguments. (0024_config_log has the first text of this
-- function: no key may be created between that migration and sql/functions.)
create or replace function record_key() returns trigger
language plpgsql
set timezone = 'UTC'
as $$
declare
  change_position bigint;
  is_revoked boolean := new.revoked_at is not null;
  with_maker text := ', with ' || new.created_by || ' that made it';
  is_with_maker boolean := is_revoked and right(new.revoked_by, length(with_maker)) = with_maker;
  known integer := (
    select max(version) from config_log where id ~ '^key:' and id = 'key:' || new.id
  );
begin
  if tg_op = 'INSERT' and (known > 0 or is_revoked)
    or tg_op = 'UPDATE' and (known > 1 or not is_revoked or old.revoked_at is not null)
  then
    return null;
  end if;
  change_position :=
    next_position(nullif(current_setting('millrace.latest_position', true), '')::bigint);
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  )
  select
    entry.tenant, change_position, 'key', 'key:' || new.id, 1 + is_revoked::integer,
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
    entry.document || case
      when is_revoked then
        jsonb_build_object('revoked_at', new.revoked_at, 'revoked_by', new.revoked_by)
      else '{}'
    end
  from (
    select tenant, document from config_log where id ~ '^key:' and id = 'key:' || new.id
    union all
    select distinct unnest(new.tenants), jsonb_strip_nulls(to_jsonb(new) - 'id')
    where known is null
  ) as entry;
  perform setval('lane_position', change_position);
  return null;
end
$$;
