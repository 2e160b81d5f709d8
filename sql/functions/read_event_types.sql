-- Reads at most most_events of a tenant's log on from where the last call stopped, and keeps the
-- names that they have, most_names of the tenant: those published last, so that a name for each
-- event fills nothing. Says whether it has come to the end of the log. Commit order is position
-- order, so no event commits behind what was read.
drop function if exists read_event_types(text, integer);
create or replace function read_event_types(
  tenant text,
  most_events integer,
  most_names integer default 10000
) returns boolean
language plpgsql
-- By the key of the log, in its order: of a day that is not analysed yet the planner expects a
-- dozen rows, and would sort all that is left of it for each page.
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_variable
declare
  last_read bigint;
  event_count integer;
begin
  -- Without it a call at the end of the log would write a row.
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
  kept as (
    insert into event_type as t
    select tenant, l.name, l.last_position
    from latest l
    -- In one order, whoever else reads.
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
