-- Restores a consumer from the config log, or removes it if the log has none. An existing cursor
-- stays. A missing one is created at the last position that it certainly had reached: the end of
-- what receipts of this life settle, or the start. It is never ahead of what was delivered: events
-- may be sent again, and none is lost. If the consumer changes, a worker that leases it loses the
-- lease. Returns whether the row now agrees with the log; false if it was registered meanwhile.
--
-- While the lane is locked, nobody else can change the consumer or register its id, so the log
-- stays true until the commit. No position is used, so none is stored back.
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
  -- Before the lane: with a missing cursor this reads much.
  select r.* into rebuilt from rebuilt_consumer() r where r.tenant = tenant and r.id = id;
  own_run := case when rebuilt.document ->> 'integration_type' = 'temporary' then 1 else 0 end;
  has_cursor := exists (
    select from cursor c where c.tenant = tenant and c.consumer = id and c.run <= own_run
  );
  if not has_cursor then
    starts_after := case
      when rebuilt.kind = 'projection' then 0
      else coalesce(
        position_of_text(rebuilt.document ->> 'starts_at') - 1, rebuilt.created_position
      )
    end;
    select max(r.to_position) into settled_position
    from receipt r
    where r.tenant = tenant and r.consumer = id and r.run = own_run
      -- Receipts of steps only. Those without counts cover spans settled out of order, behind which
      -- there may be unresolved events: see keep_window.
      and r.delivered + r.rejected + r.filtered > 0
      -- Of this life only. An earlier life may have sent events from before the registration, and
      -- its receipts may have higher positions if the clock was set back.
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
    delete from replay r
    where r.tenant = tenant and r.consumer = id and r.ended_position is null;
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
    -- The version may be the same, so no step of the worker would notice the change. The
    -- notification is for a worker that waits for events: it would send the first one under its old
    -- lease.
    update cursor c
    set epoch = c.epoch + 1, owner = null, lease_until = null
    where c.tenant = tenant and c.consumer = id;
    perform pg_notify('millrace_halt', tenant || '/' || id);
  end if;
  if not has_cursor then
    insert into cursor (tenant, consumer, run, read_position, stop_position)
    values (
      tenant, id, own_run, greatest(starts_after, settled_position),
      position_of_text(rebuilt.document ->> 'ends_at')
    );
  end if;
  return true;
end
$$;
