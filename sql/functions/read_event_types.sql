-- Reads at most most_events of a tenant's log on from where the last call stopped, and keeps the
-- names that they have. Says whether it has come to the end of the log. Commit order is position
-- order, so no event commits behind what was read.
create or replace function read_event_types(tenant text, most_events integer) returns boolean
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
  kept as (
    insert into event_type as t
    select tenant, p.name, max(p.position)
    from page p
    group by p.name
    -- In one order, whoever else reads.
    order by p.name collate "C"
    on conflict on constraint event_type_pkey
    do update set last_position = greatest(t.last_position, excluded.last_position)
  ),
  read as (
    update event_type_reader r
    set read_position = (select max(p.position) from page p)
    where r.tenant = tenant and exists (select from page)
  )
  select count(*) into event_count from page;
  return event_count < most_events;
end
$$;
