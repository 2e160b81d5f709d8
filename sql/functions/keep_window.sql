-- Writes down what a cursor's window knows, before the window is lost or another version of the
-- configuration settles the rest of it. Receipts cover events up to the oldest unresolved one. Only
-- the window knows which later events are settled: those that were read and are not unresolved. For
-- each span between unresolved events this function writes a receipt with the version that settled
-- it. These receipts have no counts, for the receipts of the steps have them. Without them, events
-- that an earlier filter passed over would count as delivered by the next one.
--
-- The window belongs to next_version from then on (null: the window ends). The function does
-- nothing if owner and held_epoch do not hold the lease (owner null: no lease is checked). The
-- receipts get positions before at_position.
create or replace function keep_window(
  tenant text, consumer text, run integer, next_version integer,
  owner uuid default null, held_epoch bigint default null,
  at_position bigint default position_of(clock_timestamp())
) returns void
language plpgsql as $$
#variable_conflict use_variable
declare
  current_cursor record;
begin
  select c.* into current_cursor
  from cursor c
  where c.tenant = tenant and c.consumer = consumer and c.run = run
    and (owner is null or (c.owner = owner and c.epoch = held_epoch))
  for update;
  if current_cursor.consumer is null then
    return;
  end if;
  if current_cursor.unresolved <> '{}' and current_cursor.version is distinct from next_version then
    insert into receipt (
      tenant, position, consumer, run, version, from_position, to_position,
      delivered, rejected, filtered, latency_ms_histogram
    )
    select
      tenant, at_position - row_number() over (order by span.after),
      consumer, run, current_cursor.version,
      span.after, span.through, 0, 0, 0, '{}'
    from (
      select
        waiting as after,
        coalesce(lead(waiting) over (order by waiting) - 1, current_cursor.read_position) as through
      from unnest(current_cursor.unresolved) as waiting
    ) as span
    where current_cursor.version is not null
      -- Not exists: without statistics of a day (after an import), that becomes a join, which reads
      -- the whole day for each of up to 500 spans.
      and (
        select e.position
        from event e
        where e.tenant = tenant and e.position > span.after and e.position <= span.through
        order by e.position
        limit 1
      ) is not null;
  end if;
  update cursor c
  set version = next_version
  where c.tenant = tenant and c.consumer = consumer and c.run = run;
end
$$;
