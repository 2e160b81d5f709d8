-- Changes a consumer: compare-and-set on its version. Returns the position of the change. Returns
-- null if the version is no longer expected_version, or if there is no such consumer. Returns 0 if
-- it would start, and max_running of its kind run already (null: no limit). Then nothing has
-- changed.
--
-- status: 'running', 'stopped' or 'removed'. document: null keeps the current one.
-- * A start forgets earlier attempts, so that the stream goes on at once with the same event. With
--   from_now it also forgets unsent events. That holds for the live run only: a replay has its own
--   dates and goes on from where it stopped.
-- * A stop gives an open file 30 seconds to be closed, unless the store is failing already. The
--   position of the stop stays until the next start, whatever else changes.
-- * A removal cancels the replays, deletes the cursors and abandons the open file. Rejected events
--   stay until their retention ends (retire_rejected) or the id is used again.
drop function if exists change_consumer(
  text, text, integer, text, text, text, text, jsonb, boolean
);
drop function if exists change_consumer(
  text, text, integer, text, text, text, text, jsonb, boolean, bigint
);

create or replace function change_consumer(
  tenant text, id text, expected_version integer, status text, action text, actor text,
  reason text, document jsonb, from_now boolean,
  latest_position bigint default null, max_running integer default null
) returns bigint
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint;
  changed consumer := lock_consumer(tenant, id);
begin
  if changed.version is distinct from expected_version then
    return null;
  end if;
  if status = 'removed' or from_now then
    perform keep_window(tenant, id, c.run, null)
    from cursor c
    where c.tenant = tenant and c.consumer = id;
  end if;
  if status = 'removed' then
    perform cancel_replays(
      tenant, id, actor, format('The %s was removed.', changed.kind), latest_position
    );
  end if;
  change_position := next_position(latest_position);
  -- While the lane is locked, nobody else can start one.
  if status = 'running' and changed.status = 'stopped' and max_running <= (
    select count(*) from consumer c
    where c.tenant = tenant and c.kind = changed.kind and c.status = 'running'
  ) then
    return 0;
  end if;
  update consumer c
  set status = case when status = 'removed' then 'stopped' else status end,
    version = c.version + 1,
    document = coalesce(document, c.document),
    changed_position = change_position,
    stopped_position = case
      when status = 'running' then null
      when c.status = 'stopped' then coalesce(c.stopped_position, c.changed_position)
      else change_position
    end
  where c.tenant = tenant and c.id = id
  returning c.* into changed;
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  ) values (
    tenant, change_position, changed.kind, id, changed.version, action, status, actor, reason,
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
    delete from consumer c where c.tenant = tenant and c.id = id;
    delete from cursor c where c.tenant = tenant and c.consumer = id;
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
