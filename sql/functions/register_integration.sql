-- The name that register_consumer had before there were other kinds, for processes of that time.
create or replace function register_integration(
  tenant text, id text, document jsonb, actor text, reason text,
  starts_after bigint, stop_position bigint, max_count integer
) returns text
language plpgsql as $$
begin
  return register_consumer(
    tenant, 'integration', id, document, 'running', 'integration_started', actor, reason,
    starts_after, stop_position, max_count
  );
end
$$;
