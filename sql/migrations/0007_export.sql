-- Files: the manifest of what an integration with s3_parameters was given, and how a stop closes
-- its last one. Old processes survive this migration.

-- One row for each file, written before its upload begins, finished together with the step of the
-- cursor that it is. A file that is open is repeated: the same key, the same content. It holds what
-- the filter takes of (from_position, to_position]; filter and compression are those it was begun
-- with, whatever is configured by the time it is repeated.
create table export_file (
  tenant text not null,
  -- When it was begun; its key has the same time in milliseconds.
  position bigint not null,
  consumer text not null,
  run integer not null,
  version integer not null,
  key text not null,
  from_position bigint not null,
  first_position bigint not null,
  to_position bigint not null,
  -- {"names": […], "entities": […]}; null takes everything.
  filter jsonb,
  compression text,
  -- How the store names the last upload that was begun.
  upload_id text,
  state text not null default 'open',
  -- What was written: bytes and hash are those of the object in the bucket.
  events integer,
  bytes bigint,
  sha256 bytea,
  last_position bigint,
  finished_at timestamptz,
  primary key (tenant, consumer, position),
  constraint key_is_unique unique (tenant, key),
  constraint range_is_not_empty check (
    from_position < first_position and first_position <= to_position
  ),
  constraint compression_is_known check (compression in ('gzip')),
  -- abandoned: its integration was removed, or started anew from now, before it was finished.
  constraint state_is_known check (state in ('open', 'finished', 'abandoned')),
  constraint finished_is_told check (
    state <> 'finished'
    or num_nonnulls(events, bytes, sha256, last_position, finished_at) = 5
  )
);

create unique index export_file_open on export_file (tenant, consumer, run) where state = 'open';

-- Until when a worker may take the lease of a stopped integration, to write what was published
-- before the stop into its last file. While it lies ahead, the integration is shown as running.
alter table cursor add column close_until timestamptz;

-- As in 0004, with files: a stop gives them 30 seconds to be closed, but not where the store fails
-- already; a start ends that; what is open is abandoned by a removal, and by a start from now.
create or replace function change_integration(
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
      close_until = null,
      read_position =
        case when from_now and c.run = 0 then change_position else c.read_position end,
      unresolved = case when from_now and c.run = 0 then '{}' else c.unresolved end
    where c.tenant = tenant and c.consumer = id;
  elsif action = 'integration_stopped' and changed.document ? 's3_parameters' then
    update cursor c
    set close_until = clock_timestamp() + interval '30 seconds'
    where c.tenant = tenant and c.consumer = id and c.attempts = 0;
  elsif status = 'removed' then
    delete from integration i where i.tenant = tenant and i.id = id;
    delete from cursor c where c.tenant = tenant and c.consumer = id;
    delete from rejected_event r
    where r.tenant = tenant and r.consumer = id and action <> 'integration_completed';
  end if;
  if status = 'removed' or from_now then
    update export_file f
    set state = 'abandoned'
    where f.tenant = tenant and f.consumer = id and f.state = 'open'
      and (status = 'removed' or f.run = 0);
  end if;
  perform setval('lane_position', change_position);
  return change_position;
end
$$;
