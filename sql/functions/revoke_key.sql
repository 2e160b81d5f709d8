-- Revokes a key and all that were made by it, by those, and so on. Returns all of them, as they are
-- then. One that was revoked already stays as it is; what it made is revoked all the same.
--
-- Maker before made: whoever makes a key holds its maker's row (create_key), so once a level is
-- locked nobody adds to the next one. Each level is a statement of its own, whose snapshot sees
-- what was committed while the one before waited for a row. Two revocations meet in the topmost key
-- that they share, so they never wait for each other. All are locked before the first is revoked:
-- the trigger that writes the entries of the config log (record_key) takes the lane.
drop function if exists revoke_key(text, text);

create or replace function revoke_key(
  id text, actor text, latest_position bigint default null
) returns setof api_key
language plpgsql as $$
#variable_conflict use_variable
declare
  level text[] := array[id];
  lineage text[] := '{}';
begin
  while cardinality(level) > 0 loop
    perform from api_key k where k.id = any (level) order by k.id for update;
    lineage := lineage || level;
    level := array(
      select k.id from api_key k
      where substring(k.created_by from '^API key ([0-9a-f]{12}) \(') = any (level)
    );
  end loop;
  perform set_config('millrace.latest_position', latest_position::text, true);
  update api_key k
  set revoked_at = clock_timestamp(),
    revoked_by = case
      when k.id = id then actor
      else actor || ', with ' || k.created_by || ' that made it'
    end
  where k.id = any (lineage) and k.revoked_at is null;
  return query select k.* from api_key k where k.id = any (lineage);
end
$$;
