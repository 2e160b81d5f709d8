-- Returns the position of the change that this attempt has already made of (tenant, id). Null: it
-- has made none, and what this transaction changes from here on belongs to the attempt. The lock on
-- the attempt is held to the end of the transaction. A resend therefore waits for the first
-- sending, which may still run on another connection. (It does not take the lane: rows are locked
-- first, see next_position.)
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
