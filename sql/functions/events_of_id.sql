-- The events of a tenant that name an id, as their entity's or as a correlation id, between two
-- positions (exclusive). It goes day by day, from the oldest or the newest, until it has `most`
-- events; those of a day come in no order. If more than `most` events of a day have the id, they
-- are too many to sort: it ends with the first position of that day, without a name.
--
-- Each day is a statement of its own, without tenant and position: so the planner has no index but
-- event_by_id, whatever it expects of a day that is not analysed yet. The service has no rights on
-- single days, so the function runs with the rights of its owner.
create or replace function events_of_id(
  tenant text, id text, after bigint, before bigint, descending boolean, most integer
) returns table (
  "position" bigint, name text, entity_id text, correlation_ids jsonb, payload_bytes integer
)
language plpgsql stable
security definer
set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off
set enable_bitmapscan = on
as $$
declare
  fingerprint bigint := event_id_fingerprint(tenant, id);
  day record;
  found_event record;
  of_day integer;
  found_count integer := 0;
begin
  for day in
    select pg_class.oid::regclass as partition, bounds[1]::bigint as first_position
    from pg_inherits
    join pg_class on pg_class.oid = pg_inherits.inhrelid
    cross join lateral regexp_match(
      pg_get_expr(pg_class.relpartbound, pg_class.oid), 'FROM \(''(\d+)''\) TO \(''(\d+)''\)'
    ) as bounds
    where inhparent = 'event'::regclass
      and bounds[1]::bigint < events_of_id.before and bounds[2]::bigint > events_of_id.after + 1
    order by case when descending then -bounds[1]::bigint else bounds[1]::bigint end
  loop
    of_day := 0;
    for found_event in execute format(
      'select tenant, position, name, entity_id, correlation_ids, payload_bytes
      from %s
      where event_ids(tenant, entity_id, correlation_ids) @> array[$1]
      limit %s',
      day.partition, most + 1
    ) using fingerprint
    loop
      of_day := of_day + 1;
      if of_day > most then
        return query
        select day.first_position, null::text, null::text, null::jsonb, null::integer;
        return;
      end if;
      continue when found_event.tenant <> events_of_id.tenant
        or found_event.position <= events_of_id.after
        or found_event.position >= events_of_id.before
        or (
          found_event.entity_id <> events_of_id.id
          and coalesce(found_event.correlation_ids ->> 'order_id' <> events_of_id.id, true)
          and coalesce(found_event.correlation_ids ->> 'customer_id' <> events_of_id.id, true)
        );
      found_count := found_count + 1;
      position := found_event.position;
      name := found_event.name;
      entity_id := found_event.entity_id;
      correlation_ids := found_event.correlation_ids;
      payload_bytes := found_event.payload_bytes;
      return next;
    end loop;
    exit when found_count >= most;
  end loop;
end
$$;

revoke execute on function events_of_id(text, text, bigint, bigint, boolean, integer) from public;
