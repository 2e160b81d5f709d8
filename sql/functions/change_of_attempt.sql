-- The position of the change that this attempt has made of (tenant, id) already; null: none, and
-- what the transaction changes from here on is the attempt's. It holds the attempt until then, so
-- that its first sending, which may still be under way on another connection, and the next one
-- follow each other. (Not the lane: rows come first, see next_position.)
create or replace function change_of_attempt(tenant text, id text, attempt uuid) returns bigint
language plpgsql as $$
#variable_conflict use_variable
begin
  perform pg_advisory_xact_lock(hashtextextended(attempt::text, 0));
  perform set_config('millrace.attempt', attempt::text, true);
  return (
    select max(c.position) from config_log c
    where c.tenant = tenant and c.id = id and c.attempt = attempt
  );
end
$$;
