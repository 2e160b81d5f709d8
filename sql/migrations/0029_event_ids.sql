-- Finds events by an id: their entity's, or one of their correlation ids (docs/read.md). One GIN
-- index of all ids of an event costs an append 1.9 us, since it only adds them to a pending list,
-- which flush_event_ids moves behind the log. A b-tree of entity ids alone costs 2.7 us, and three
-- b-trees, one for each kind of id, 10. Readers go through sql/functions/events_of_id.sql.
--
-- Nobody publishes into past days, so their indexes are built first and stop nobody. Then today's
-- is built, and publishers wait for it. Old processes survive this migration.

-- A 64-bit number for the id of a tenant. Other ids may share it, so readers also compare the id.
-- The hashes are those of hash partitioning, which no later PostgreSQL version may change.
create or replace function event_id_fingerprint(tenant text, id text) returns bigint
language sql immutable parallel safe
return hashtextextended(id, hashtextextended(tenant, 0));

create or replace function event_ids(tenant text, entity_id text, correlation_ids jsonb)
returns bigint[]
language sql immutable parallel safe
return array_remove(
  array[
    event_id_fingerprint(tenant, entity_id),
    event_id_fingerprint(tenant, correlation_ids ->> 'order_id'),
    event_id_fingerprint(tenant, correlation_ids ->> 'customer_id')
  ],
  null
);

set local maintenance_work_mem = '256MB';

do $$
declare
  day record;
begin
  for day in
    select
      pg_class.oid::regclass as partition,
      right(relname, 8) >= to_char(now() at time zone 'UTC', 'YYYYMMDD') as may_be_written
    from pg_inherits
    join pg_class on pg_class.oid = pg_inherits.inhrelid
    where inhparent = 'event'::regclass
    order by relname
  loop
    -- The table before its days, as publishers lock them: otherwise both could wait for each other.
    if day.may_be_written then
      lock table only event in share mode;
    end if;
    execute format(
      'create index on %s using gin (event_ids(tenant, entity_id, correlation_ids))
        with (gin_pending_list_limit = 65536)',
      day.partition
    );
  end loop;
end
$$;

-- Takes over the indexes of the days. Of a day that is made later it makes one.
create index event_by_id on event using gin (event_ids(tenant, entity_id, correlation_ids))
  with (gin_pending_list_limit = 65536);
