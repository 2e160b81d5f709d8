-- Reads the next most_events events of a tenant's log and records their names. It keeps the
-- most_names names published last, so that a publisher with a new name for each event cannot fill
-- the table. Returns whether it has reached the end of the log. Commit order is position order, so
-- no event can commit behind the last position read.
drop function if exists read_event_types(text, integer);
create or replace function read_event_types(
  tenant text,
  most_events integer,
  most_names integer default 10000
) returns boolean
language plpgsql
-- Read by primary key, in its order. Before a day's partition is analysed, the planner expects a
-- dozen rows and would sort the whole rest of it for each page.
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_variable
declare
  last_read bigint;
  event_count integer;
begin
  -- Without this check, a call at the end of the log would write a row.
  select r.read_position into last_read from event_type_reader r where r.tenant = tenant;
  perform from event e where e.tenant = tenant and e.position > coalesce(last_read, 0) limit 1;
  if not found then
    return true;
  end if;

  insert into event_type_reader values (tenant, 0) on conflict do nothing;
  select r.read_position into last_read
  from event_type_reader r
  where r.tenant = tenant
  for update;

  with page as materialized (
    select e.name, e.position
    from event e
    where e.tenant = tenant and e.position > last_read
    order by e.position
    limit most_events
  ),
  latest as (
    select p.name, max(p.position) as last_position
    from page p
    group by p.name
    order by max(p.position) desc
    limit most_names
  ),
  stored as (
    insert into event_type as t
    select tenant, l.name, l.last_position
    from latest l
    -- In one order, so that concurrent readers cannot deadlock.
    order by l.name collate "C"
    on conflict on constraint event_type_pkey
    do update set last_position = greatest(t.last_position, excluded.last_position)
  ),
  read as (
    update event_type_reader r
    set read_position = (select max(p.position) from page p)
    where r.tenant = tenant and exists (select from page)
  )
  select count(*) into event_count from page;

  delete from event_type t
  where t.tenant = tenant
    and t.last_position < (
      select k.last_position
      from event_type k
      where k.tenant = tenant
      order by k.last_position desc
      offset most_names - 1 limit 1
    );
  return event_count < most_events;
end
$$;
