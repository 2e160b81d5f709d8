-- Restores a key from the config log: inserts it if it is missing, and revokes it if the log has.
-- Keys are otherwise never changed or deleted. So only the owner of the table may correct other
-- differences, or delete a key that no log has. Returns whether the row now agrees with the log.
drop function if exists rebuild_api_key(text, text, bigint);

create or replace function rebuild_api_key(id text, latest_position bigint) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  rebuilt api_key;
  live api_key;
  is_owner boolean := (
    select pg_has_role(relowner, 'usage') from pg_class where oid = 'api_key'::regclass
  );
begin
  if is_owner then
    -- Switching off the trigger needs this lock; take it before the lane.
    lock table api_key in share row exclusive mode;
  end if;
  perform from api_key k where k.id = id for update;
  -- As in rebuild_consumer: creating or revoking a key takes the lane before the commit.
  perform next_position(latest_position);
  select (jsonb_populate_record(null::api_key, r.document)).*
  into rebuilt
  from newest_key() r
  where r.log_id = 'key:' || id;
  insert into api_key
  select rebuilt.* where rebuilt.id is not null
  on conflict do nothing;
  update api_key k
  set revoked_at = rebuilt.revoked_at, revoked_by = rebuilt.revoked_by
  where k.id = id and k.revoked_at is null and rebuilt.revoked_at is not null;
  select k.* into live from api_key k where k.id = id;
  if live is not distinct from rebuilt then
    return true;
  elsif not is_owner then
    return false;
  end if;
  alter table api_key disable trigger api_key_may_only_be_revoked;
  delete from api_key k where k.id = id;
  insert into api_key
  select rebuilt.* where rebuilt.id is not null;
  alter table api_key enable trigger api_key_may_only_be_revoked;
  return true;
end
$$;
