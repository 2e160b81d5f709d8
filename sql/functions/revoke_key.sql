-- Revokes a key, the keys that it made, those that they made, and so on. Returns all of them, as
-- they are afterwards. A key that was revoked before stays unchanged; the keys that it made are
-- revoked all the same.
--
-- Makers are locked before the keys that they made. create_key locks its maker's row, so once a
-- level is locked, nobody can add to the next one. Each level is a separate statement: its snapshot
-- sees what was committed while the previous one waited. Two revocations meet at the topmost key
-- that they share, so they cannot deadlock. All keys are locked before the first is revoked,
-- because the trigger that writes the config log (record_key) takes the lane.
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
