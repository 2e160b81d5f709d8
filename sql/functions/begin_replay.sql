-- Begins the next queued replay of a consumer, unless one is running: two of them never run at the
-- same time. It gets a cursor; the sweep, or a wake-up, finds it. The caller has locked the
-- consumer.
create or replace function begin_replay(tenant text, consumer text) returns void
language sql as $$
  with next as (
    update replay r
    set state = 'running'
    where r.tenant = $1 and r.consumer = $2
      and r.number = (
        select min(q.number) from replay q
        where q.tenant = $1 and q.consumer = $2 and q.ended_position is null
      )
      and r.state = 'queued'
    returning r.*
  )
  insert into cursor (tenant, consumer, run, read_position, stop_position)
  select next.tenant, next.consumer, next.number, next.from_position - 1, next.to_position
  from next
$$;
