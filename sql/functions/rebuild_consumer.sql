-- Puts a consumer in place as the config log has it, or removes it where the log has none. A cursor
-- that is there stays; one that is missing is made again where it surely had come to: behind what
-- receipts since the registration say is settled, or at the start. Never ahead of what was
-- delivered, so events may be sent again, and none is lost. A worker that has leased it as it was
-- not loses its lease. Returns whether it is in place: not where it was registered meanwhile.
--
-- With the lane held nobody else changes it or registers its id, so what the log says then is true
-- until the commit. No position is used, so none is handed back.
create or replace function rebuild_consumer(
  tenant text, id text, latest_position bigint
) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  live consumer := lock_consumer(tenant, id);
  rebuilt record;
  newest record;
  starts_after bigint;
  settled_position bigint;
  -- A temporary integration is a replay: see register_consumer.
  own_run integer;
  has_cursor boolean;
begin
  -- Before the lane: what it reads is much, where the cursor is missing.
  select r.* into rebuilt from rebuilt_consumer() r where r.tenant = tenant and r.id = id;
  own_run := case when rebuilt.document ->> 'integration_type' = 'temporary' then 1 else 0 end;
  has_cursor := exists (
    select from cursor c where c.tenant = tenant and c.consumer = id and c.run <= own_run
  );
  if not has_cursor then
    starts_after := case
      when rebuilt.kind = 'projection' then 0
      else coalesce(
        position_of((rebuilt.document ->> 'starts_at')::timestamptz) - 1, rebuilt.created_position
      )
    end;
    select max(r.to_position) into settled_position
    from receipt r
    where r.tenant = tenant and r.consumer = id and r.run = own_run
      -- Those of steps. The ones without counts are of spans that were settled out of turn, beyond
      -- events that were not: see keep_window.
      and r.delivered + r.rejected + r.filtered > 0
      -- Of this life alone: an earlier one may have sent what was published before the
      -- registration, and its receipts may stand above that if the clock was set back.
      and r.position > rebuilt.created_position
      and r.from_position >= starts_after
      and (starts_after >= rebuilt.created_position or not exists (
        select from config_log l where l.tenant = tenant and l.id = id and l.status = 'removed'
      ));
  end if;
  perform next_position(latest_position);
  select r.* into newest from rebuilt_consumer() r where r.tenant = tenant and r.id = id;
  if newest is distinct from rebuilt then
    return false;
  elsif rebuilt.id is null then
    delete from consumer c where c.tenant = tenant and c.id = id;
    delete from cursor c where c.tenant = tenant and c.consumer = id;
    update export_file f
    set state = 'abandoned'
    where f.tenant = tenant and f.consumer = id and f.state = 'open';
    return true;
  end if;
  insert into consumer (
    tenant, id, kind, version, status, document, created_position, changed_position,
    stopped_position
  ) values (
    tenant, id, rebuilt.kind, rebuilt.version, rebuilt.status, rebuilt.document,
    rebuilt.created_position, rebuilt.changed_position, rebuilt.stopped_position
  )
  on conflict on constraint consumer_pkey do update
  set kind = excluded.kind, version = excluded.version, status = excluded.status,
    document = excluded.document, created_position = excluded.created_position,
    changed_position = excluded.changed_position, stopped_position = excluded.stopped_position;
  if (live.kind, live.version, live.status, live.document)
    is distinct from (rebuilt.kind, rebuilt.version, rebuilt.status, rebuilt.document)
  then
    -- The version may be the same, so that no step of the worker would tell it. The notification
    -- is for one that waits for events: it would send the first of them as it has leased.
    update cursor c
    set epoch = c.epoch + 1, owner = null, lease_until = null
    where c.tenant = tenant and c.consumer = id;
    perform pg_notify('millrace_halt', tenant || '/' || id);
  end if;
  if not has_cursor then
    insert into cursor (tenant, consumer, run, read_position, stop_position)
    values (
      tenant, id, own_run, greatest(starts_after, settled_position),
      position_of((rebuilt.document ->> 'ends_at')::timestamptz)
    );
  end if;
  return true;
end
$$;
