-- The name that note_consumer had before there were other kinds, for processes of that time.
create or replace function note_integration(
  tenant text, id text, action text, actor text, reason text
) returns void
language plpgsql as $$
begin
  perform note_consumer(tenant, id, action, actor, reason);
end
$$;
