-- Replays that end, updates, and a log for people: what the configuration API needs beyond 0002.

-- Where a replay ends, inclusive. Null: the consumer follows the log for ever.
alter table cursor add column stop_position bigint;

-- A rejected event that was sent again by hand and taken is an attempt too.
alter table attempt drop constraint outcome_is_known;
alter table attempt add constraint outcome_is_known
  check (outcome in ('rejected', 'refused', 'unavailable', 'delivered'));

-- The newest failures of an integration are what its log shows.
create index attempt_by_time on attempt (tenant, consumer, position);

-- Changes of configuration. Each takes the next position, writes the log and the projection in one
-- call, so that they agree and the lane is held for no round trip.

-- 'registered', or 'taken' (the id) or 'full' (max_count reached): then nothing is changed.
-- The integration receives the events in (starts_after, stop_position]; null: from its own
-- registration on, and for ever.
create function register_integration(
  tenant text, id text, document jsonb, actor text, reason text,
  starts_after bigint, stop_position bigint, max_count integer
) returns text
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint := next_position();
begin
  if exists (select from integration i where i.tenant = tenant and i.id = id) then
    return 'taken';
  end if;
  if (select count(*) from integration i where i.tenant = tenant) >= max_count then
    return 'full';
  end if;
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  ) values (
    tenant, change_position, 'integration', id, 1, 'integration_started', 'running', actor,
    reason, document
  );
  insert into integration (
    tenant, id, version, status, document, created_position, changed_position
  ) values (tenant, id, 1, 'running', document, change_position, change_position);
  -- "From now on" is the position of the registration itself, to the event.
  insert into cursor (tenant, consumer, read_position, stop_position)
  values (tenant, id, coalesce(starts_after, change_position), stop_position);
  -- What a completed integration of the same name has left behind.
  delete from rejected_event r where r.tenant = tenant and r.consumer = id;
  perform setval('lane_position', change_position);
  return 'registered';
end
$$;

-- One change of an integration: compare-and-set on its version. Returns the position of the change,
-- or null where the version is another by now (or there is none) and nothing was changed.
-- status: 'running', 'stopped' or 'removed'; document: null keeps the one it has.
-- A start forgets the attempts of before, so that the stream goes on with that very event at once;
-- with from_now it forgets what it has not sent, too. A removal takes the cursors along; rejected
-- events stay where the integration completed by itself, until its name is used again.
create function change_integration(
  tenant text, id text, expected_version integer, status text, action text, actor text,
  reason text, document jsonb, from_now boolean
) returns bigint
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint := next_position();
  changed integration;
begin
  update integration i
  set status = case when status = 'removed' then 'stopped' else status end,
    version = i.version + 1,
    document = coalesce(document, i.document),
    changed_position = change_position
  where i.tenant = tenant and i.id = id and i.version = expected_version
  returning i.* into changed;
  if changed.id is null then
    return null;
  end if;
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  ) values (
    tenant, change_position, 'integration', id, changed.version, action, status, actor, reason,
    case when status = 'removed' then null else changed.document end
  );
  if status = 'running' then
    update cursor c
    set attempts = 0,
      retry_at = null,
      read_position =
        case when from_now and c.run = 0 then change_position else c.read_position end,
      unresolved = case when from_now and c.run = 0 then '{}' else c.unresolved end
    where c.tenant = tenant and c.consumer = id;
  elsif status = 'removed' then
    delete from integration i where i.tenant = tenant and i.id = id;
    delete from cursor c where c.tenant = tenant and c.consumer = id;
    delete from rejected_event r
    where r.tenant = tenant and r.consumer = id and action <> 'integration_completed';
  end if;
  perform setval('lane_position', change_position);
  return change_position;
end
$$;

-- An entry of the log that changes nothing: what happened to an integration that people should
-- know. Does nothing where there is no such integration.
create function note_integration(tenant text, id text, action text, actor text, reason text)
returns void
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint := next_position();
begin
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  )
  select
    tenant, change_position, 'integration', id, i.version, action, i.status, actor, reason,
    i.document
  from integration i
  where i.tenant = tenant and i.id = id;
  perform setval('lane_position', change_position);
end
$$;

-- Ends a replay that has sent everything up to its stop_position, and answers whether it did. The
-- lane makes it exact: next_position waits for every append under way, so what could still get a
-- position up to the stop is visible when the second statement looks. The run of an integration's
-- own (0) completes the integration; one that was added to it just goes.
create function complete_replay(tenant text, consumer text, run integer) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint := next_position();
  ended record;
  receipts record;
  told text;
begin
  select c.* into ended
  from cursor c
  where c.tenant = tenant and c.consumer = consumer and c.run = run
    and c.stop_position < change_position
    and c.unresolved = '{}'
    and not exists (
      select from event e
      where e.tenant = tenant and e.position > c.read_position and e.position <= c.stop_position
    )
  for update;
  if ended.consumer is null then
    return false;
  end if;
  select coalesce(sum(r.delivered), 0) as delivered, coalesce(sum(r.rejected), 0) as rejected
  into receipts
  from receipt r
  where r.tenant = tenant and r.consumer = consumer and r.run = run;
  told := format('Everything up to %s was sent: %s delivered, %s rejected.',
    time_of(ended.stop_position) at time zone 'UTC', receipts.delivered, receipts.rejected);
  delete from cursor c where c.tenant = tenant and c.consumer = consumer and c.run = run;
  perform setval('lane_position', change_position);
  if run > 0 then
    perform note_integration(tenant, consumer, 'replay_completed', 'millrace', told);
  else
    perform change_integration(
      tenant, consumer, i.version, 'removed', 'integration_completed', 'millrace', told, null, false
    )
    from integration i
    where i.tenant = tenant and i.id = consumer;
  end if;
  return true;
end
$$;
