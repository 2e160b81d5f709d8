-- Registers an event type, or changes or removes (document null) what is registered. Outcomes, each
-- with the version after it:
-- * 'changed', and 'unchanged' if it has this document already
-- * 'changed_meanwhile': its version is not expected_version (null: any; 0: it is not registered)
-- * 'absent': there is nothing to remove
-- * 'too_many', 'too_large': the tenant would have more than most_types types, or most_bytes bytes
-- An attempt that has been made already is recognised (change_of_attempt).
create or replace function change_event_type(
  tenant text, name text, document jsonb, actor text, reason text, attempt uuid,
  expected_version integer, latest_position bigint, most_types integer, most_bytes bigint
) returns table (outcome text, version integer)
language plpgsql as $$
#variable_conflict use_variable
declare
  log_id text := 'event_type:' || name;
  made_position bigint := change_of_attempt(tenant, log_id, attempt);
  change_position bigint;
  stored registered_event_type;
  others record;
begin
  if made_position is not null then
    return query
    select 'changed', c.version
    from config_log c
    where c.tenant = tenant and c.position = made_position;
    return;
  end if;
  -- The row may not exist yet, and the bounds look at all rows of the tenant. This lock puts
  -- changes of one tenant's types in order before one of them takes the lane.
  perform pg_advisory_xact_lock(hashtextextended('event_type:' || tenant, 0));
  select r.* into stored
  from registered_event_type r
  where r.tenant = tenant and r.name = name
  for update;
  if coalesce(stored.version, 0) <> expected_version then
    return query select 'changed_meanwhile', stored.version;
    return;
  elsif document is null and stored.version is null then
    return query select 'absent', null::integer;
    return;
  elsif document = stored.document then
    return query select 'unchanged', stored.version;
    return;
  end if;
  if document is not null then
    select count(*) as types, coalesce(sum(octet_length(r.document::text)), 0) as bytes into others
    from registered_event_type r
    where r.tenant = tenant and r.name <> name;
    if others.types >= most_types then
      return query select 'too_many', stored.version;
      return;
    elsif others.bytes + octet_length(document::text) > most_bytes then
      return query select 'too_large', stored.version;
      return;
    end if;
  end if;
  version := 1 + coalesce((
    select max(c.version) from config_log c where c.tenant = tenant and c.id = log_id
  ), 0);
  change_position := next_position(latest_position);
  if document is null then
    delete from registered_event_type r where r.tenant = tenant and r.name = name;
  else
    insert into registered_event_type as r (tenant, name, version, document, changed_position)
    values (tenant, name, version, document, change_position)
    on conflict on constraint registered_event_type_pkey do update
    set version = excluded.version, document = excluded.document,
      changed_position = excluded.changed_position;
  end if;
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  ) values (
    tenant, change_position, 'event_type', log_id, version,
    case
      when document is null then 'event_type_removed'
      when stored.version is null then 'event_type_registered'
      else 'event_type_changed'
    end,
    case when document is null then 'removed' else 'running' end, actor, reason, document
  );
  perform setval('lane_position', change_position);
  outcome := 'changed';
  return next;
end
$$;
