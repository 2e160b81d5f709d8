-- A replay is called a replay: the cursor of a temporary integration, and all that was recorded of
-- it, has run 1. And the stop's own time decides how a consumer starts again. Old processes survive
-- this migration: a worker that holds the lease of run 0 finds no row, lets go, and the sweep wakes
-- run 1; what they register between this and the functions that follow it keeps run 0, and ends all
-- the same.

-- Each life of a temporary integration, from its registration to its end. One that another run was
-- added to by date has used the number already: it stays as it is.
create temporary table replay_life on commit drop as
with entry as (
  select
    tenant, id, position, status, document,
    status <> 'removed' and coalesce(lag(status) over log, 'removed') = 'removed' as registers
  from config_log
  where kind = 'integration'
  window log as (partition by tenant, id order by position)
),
numbered as (
  select *, count(*) filter (where registers) over log as life
  from entry
  window log as (partition by tenant, id order by position)
),
life as (
  select
    tenant, id as consumer, min(position) as registered,
    coalesce(max(position) filter (where status = 'removed'), 9223372036854775807) as ended
  from numbered
  group by tenant, id, life
  having bool_or(document ->> 'integration_type' = 'temporary')
)
select * from life
where not exists (
    select from cursor
    where cursor.tenant = life.tenant and cursor.consumer = life.consumer and cursor.run = 1
  )
  and not exists (
    select from receipt
    where receipt.tenant = life.tenant and receipt.consumer = life.consumer and receipt.run = 1
      and receipt.position between life.registered and life.ended
  );

-- The tables in this order, and all that is slow to read before it: from here on deliveries wait.
-- In which run it was rejected: that of its attempts, those by hand too. A process of the version
-- before names none: then it is the run that its consumer was registered with.
alter table rejected_event add column run integer not null default 0;
alter table rejected_event alter column run drop default;

create function name_run() returns trigger
language plpgsql
as $$
begin
  new.run := coalesce((
    select min(run) from cursor where tenant = new.tenant and consumer = new.consumer
  ), 0);
  return new;
end
$$;

create trigger run_is_named
before insert on rejected_event
for each row when (new.run is null) execute function name_run();

-- When it was stopped: the entry of the config log that turned its status. Null while it runs, and
-- where a process of the version before has stopped it meanwhile.
alter table consumer add column stopped_position bigint;

update consumer
set stopped_position = (
  select min(entry.position)
  from config_log as entry
  where entry.tenant = consumer.tenant and entry.id = consumer.id
    and entry.position > coalesce((
      select max(other.position)
      from config_log as other
      where other.tenant = consumer.tenant and other.id = consumer.id
        and other.status <> 'stopped'
    ), 0)
)
where status = 'stopped';

update cursor set run = 1
from replay_life as life
where cursor.tenant = life.tenant and cursor.consumer = life.consumer and cursor.run = 0
  and life.ended = 9223372036854775807;

update export_file as kept set run = 1
from replay_life as life
where kept.tenant = life.tenant and kept.consumer = life.consumer and kept.run = 0
  and kept.position between life.registered and life.ended;

update receipt as kept set run = 1
from replay_life as life
where kept.tenant = life.tenant and kept.consumer = life.consumer and kept.run = 0
  and kept.position between life.registered and life.ended;

update attempt as kept set run = 1
from replay_life as life
where kept.tenant = life.tenant and kept.consumer = life.consumer and kept.run = 0
  and kept.position between life.registered and life.ended;

-- They are all of the newest life: a registration removes those of the life before.
update rejected_event as kept set run = 1
from (
  select distinct on (tenant, id) tenant, id, position as registered
  from config_log
  where kind = 'integration' and version = 1
  order by tenant, id, position desc
) as newest
join replay_life as life on life.tenant = newest.tenant and life.consumer = newest.id
where kept.tenant = newest.tenant and kept.consumer = newest.id
  and newest.registered between life.registered and life.ended;
