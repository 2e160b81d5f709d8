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
