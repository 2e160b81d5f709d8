-- Puts a consumer in place as the config log has it, or removes it where the log has none. A cursor
-- that is there stays; one that is missing is made again where it surely had come to: behind what
-- receipts since the registration say is settled, or at the start. Never ahead of what was
-- delivered, so events may be sent again, and none is lost. Returns true: it is in place.
--
-- With the lane held nobody else changes it or registers its id, so what the log says then is true
-- until the commit. No position is used, so none is handed back.
create or replace function rebuild_consumer(
  tenant text, id text, latest_position bigint
) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  rebuilt record;
  starts_after bigint;
  -- A temporary integration is a replay: see register_consumer.
  own_run integer;
begin
  perform lock_consumer(tenant, id);
  perform next_position(latest_position);
  select r.* into rebuilt from rebuilt_consumer() r where r.tenant = tenant and r.id = id;
  if rebuilt.id is null then
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
  own_run := case when rebuilt.document ->> 'integration_type' = 'temporary' then 1 else 0 end;
  if exists (
    select from cursor c where c.tenant = tenant and c.consumer = id and c.run <= own_run
  ) then
    return true;
  end if;
  starts_after := case
    when rebuilt.kind = 'projection' then 0
    else coalesce(
      position_of((rebuilt.document ->> 'starts_at')::timestamptz) - 1, rebuilt.created_position
    )
  end;
  insert into cursor (tenant, consumer, run, read_position, stop_position)
  select
    tenant, id, own_run, greatest(starts_after, max(r.to_position)),
    position_of((rebuilt.document ->> 'ends_at')::timestamptz)
  from receipt r
  where r.tenant = tenant and r.consumer = id and r.run = own_run
    -- Those of steps. The ones without counts are of spans that were settled out of turn, beyond
    -- events that were not: see keep_window.
    and r.delivered + r.rejected + r.filtered > 0
    -- Of this life alone: an earlier one may have sent what was published before the registration,
    -- and its receipts may stand above that if the clock was set back.
    and r.position > rebuilt.created_position
    and r.from_position >= starts_after
    and (starts_after >= rebuilt.created_position or not exists (
      select from config_log l where l.tenant = tenant and l.id = id and l.status = 'removed'
    ));
  return true;
end
$$;
