-- The name that change_consumer had before there were other kinds, for processes of that time.
create or replace function change_integration(
  tenant text, id text, expected_version integer, status text, action text, actor text,
  reason text, document jsonb, from_now boolean
) returns bigint
language plpgsql as $$
begin
  return change_consumer(
    tenant, id, expected_version, status, action, actor, reason, document, from_now
  );
end
$$;
