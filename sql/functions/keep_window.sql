-- Receipts tell what was settled as a range up to the oldest event that is not. What was settled
-- after that one, out of turn, only the cursor's window says: read, and not unresolved. Before the
-- window goes, or before another version of the configuration settles the rest of it, this writes
-- it down: a receipt for each span between unresolved events, of the version under which they were
-- settled, with no counts, for those stand in the receipts of the steps. Without it, what a former
-- filter had passed over would count as delivered by the next one.
-- The window is of next_version from then on; null: there is none any more. It does nothing if the
-- lease is not that of owner and held_epoch; null: whoever holds it. The receipts are of the time
-- before at_position.
create or replace function keep_window(
  tenant text, consumer text, run integer, next_version integer,
  owner uuid default null, held_epoch bigint default null,
  at_position bigint default position_of(clock_timestamp())
) returns void
language plpgsql as $$
#variable_conflict use_variable
declare
  kept record;
begin
  select c.* into kept
  from cursor c
  where c.tenant = tenant and c.consumer = consumer and c.run = run
    and (owner is null or (c.owner = owner and c.epoch = held_epoch))
  for update;
  if kept.consumer is null then
    return;
  end if;
  if kept.unresolved <> '{}' and kept.version is distinct from next_version then
    insert into receipt (
      tenant, position, consumer, run, version, from_position, to_position,
      delivered, rejected, filtered, latency_ms_histogram
    )
    select
      tenant, at_position - row_number() over (order by span.after), consumer, run, kept.version,
      span.after, span.through, 0, 0, 0, '{}'
    from (
      select
        waiting as after,
        coalesce(lead(waiting) over (order by waiting) - 1, kept.read_position) as through
      from unnest(kept.unresolved) as waiting
    ) as span
    where kept.version is not null
      and exists (
        select from event e
        where e.tenant = tenant and e.position > span.after and e.position <= span.through
      );
  end if;
  update cursor c
  set version = next_version
  where c.tenant = tenant and c.consumer = consumer and c.run = run;
end
$$;
