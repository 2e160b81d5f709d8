-- The event that holds up a run of a consumer: the oldest one that is read, not settled, has failed
-- and is still in the log. Null: no event holds it up. (The oldest unsettled event may be another
-- one, which was never tried: events of different entities overtake each other.)
create or replace function failing_event(tenant text, consumer text, run integer) returns bigint
language sql stable
as $$
select min(waiting.position)
from cursor c
cross join unnest(c.unresolved) as waiting (position)
where c.tenant = $1 and c.consumer = $2 and c.run = $3
  and exists (
    select from attempt a
    where a.tenant = $1 and a.consumer = $2 and a.run = $3
      and a.event_position = waiting.position
      and a.outcome in ('unavailable', 'refused', 'rejected')
      -- By hand: that is not a failure of the stream.
      and a.attempt > 0
      -- Earlier days have no such attempt, give or take a clock that was set back.
      and a.position >= c.unresolved[1] - 86400000000
  )
  and exists (select from event e where e.tenant = $1 and e.position = waiting.position)
$$;
