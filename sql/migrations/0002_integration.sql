-- Configuration as a log with projections, and what delivery keeps: cursors, receipts, attempts,
-- rejected events.

-- Every change of configuration and of status, for ever. `document` is the whole configuration
-- after the change, its secrets encrypted, and null after a removal.
create table config_log (
  tenant text not null,
  position bigint not null,
  kind text not null,
  id text not null,
  version integer not null,
  action text not null,
  status text not null,
  actor text not null,
  reason text not null,
  document jsonb,
  primary key (tenant, position),
  constraint version_is_positive check (version > 0),
  constraint kind_is_known check (kind in ('integration')),
  constraint status_is_known check (status in ('running', 'stopped', 'removed')),
  constraint removed_has_no_document check ((status = 'removed') = (document is null))
);

create index config_log_by_id on config_log (tenant, kind, id, position);

create trigger config_log_is_immutable
before update or delete on config_log
for each row execute function refuse_change_of_log();

-- A projection of config_log: the newest document of each integration that was not removed.
create table integration (
  tenant text not null,
  id text not null,
  version integer not null,
  status text not null,
  document jsonb not null,
  created_position bigint not null,
  changed_position bigint not null,
  primary key (tenant, id),
  constraint id_is_lower_case_word check (id ~ '^[a-z0-9-]{1,50}$'),
  constraint status_is_known check (status in ('running', 'stopped'))
);

-- How far a consumer has come. Everything up to read_position is settled (delivered, rejected or
-- filtered out) but the few positions in `unresolved`. run 0 is live. The lease (owner, epoch,
-- lease_until) is the mutual exclusion: every write of a worker names owner and epoch, and a worker
-- whose write finds no row has lost it and stops.
create table cursor (
  tenant text not null,
  consumer text not null,
  run integer not null default 0,
  read_position bigint not null,
  unresolved bigint[] not null default '{}',
  attempts integer not null default 0,
  retry_at timestamptz,
  owner uuid,
  epoch bigint not null default 0,
  lease_until timestamptz,
  primary key (tenant, consumer, run),
  constraint unresolved_is_bounded check (cardinality(unresolved) <= 500),
  constraint attempts_is_not_negative check (attempts >= 0),
  constraint owner_has_lease check ((owner is null) = (lease_until is null))
) with (fillfactor = 50);

-- What was delivered when: one row for each committed step of a cursor, never one for each event.
-- `position` is the moment of the commit; the step settled everything in (from_position,
-- to_position]; `latency_ms_histogram` counts publish-to-delivered times up to 1, 2, 4, 8, … ms,
-- the last bucket everything slower.
create table receipt (
  tenant text not null,
  position bigint not null,
  consumer text not null,
  run integer not null,
  version integer not null,
  from_position bigint not null,
  to_position bigint not null,
  delivered integer not null,
  rejected integer not null,
  filtered integer not null,
  latency_ms_histogram integer[] not null,
  primary key (tenant, consumer, run, position)
) partition by range (position);

-- Every attempt that failed, with what the target said.
create table attempt (
  tenant text not null,
  position bigint not null,
  consumer text not null,
  run integer not null,
  event_position bigint not null,
  attempt integer not null,
  outcome text not null,
  status integer,
  reason text not null,
  response text,
  primary key (tenant, consumer, run, position, event_position),
  constraint outcome_is_known check (outcome in ('rejected', 'refused', 'unavailable'))
) partition by range (position);

-- Events that a target answered with 400, kept past the retention for their integration to retry or
-- delete.
create table rejected_event (
  tenant text not null,
  consumer text not null,
  id uuid not null default gen_random_uuid(),
  event_position bigint not null,
  name text not null,
  entity_id text not null,
  idempotency_key text not null,
  payload json not null,
  status integer not null,
  response text not null,
  rejected_at timestamptz not null default clock_timestamp(),
  primary key (tenant, consumer, id),
  constraint rejected_once unique (tenant, consumer, event_position)
);

-- One change of configuration: the next position, the log entry and the projection, in one call, so
-- that the lane is held for no round trip. Each returns the position of the change.

-- 'registered', or 'taken' (the id) or 'full' (max_count reached): then nothing is changed.
create function register_integration(
  tenant text, id text, document jsonb, actor text, reason text,
  starts_after bigint, max_count integer
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
    tenant, change_position, 'integration', id, 1, 'integration_started', 'running', actor, reason,
    document
  );
  insert into integration (
    tenant, id, version, status, document, created_position, changed_position
  ) values (tenant, id, 1, 'running', document, change_position, change_position);
  -- "From now on" is the position of the registration itself, to the event.
  insert into cursor (tenant, consumer, read_position)
  values (tenant, id, coalesce(starts_after, change_position));
  perform setval('lane_position', change_position);
  return 'registered';
end
$$;

-- Starts or stops an integration. False: there is none, or it was so already, and nothing was
-- changed. A start forgets the attempts of before, so that the stream goes on with that very event
-- at once.
create function set_integration_status(
  tenant text, id text, status text, action text, actor text, reason text
) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint := next_position();
  changed integration;
begin
  update integration i
  set status = status, version = i.version + 1, changed_position = change_position
  where i.tenant = tenant and i.id = id and i.status <> status
  returning i.* into changed;
  if changed.id is null then
    return false;
  end if;
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  ) values (
    tenant, change_position, 'integration', id, changed.version, action, status, actor, reason,
    changed.document
  );
  if status = 'running' then
    update cursor c
    set attempts = 0, retry_at = null
    where c.tenant = tenant and c.consumer = id;
  end if;
  perform setval('lane_position', change_position);
  return true;
end
$$;

-- Removes an integration with its cursors and rejected events; its log, receipts and attempts stay.
create function remove_integration(tenant text, id text, action text, actor text, reason text)
returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint := next_position();
  removed integration;
begin
  delete from integration i where i.tenant = tenant and i.id = id returning i.* into removed;
  if removed.id is null then
    return false;
  end if;
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  ) values (
    tenant, change_position, 'integration', id, removed.version + 1, action, 'removed', actor,
    reason, null
  );
  delete from cursor c where c.tenant = tenant and c.consumer = id;
  delete from rejected_event r where r.tenant = tenant and r.consumer = id;
  perform setval('lane_position', change_position);
  return true;
end
$$;
