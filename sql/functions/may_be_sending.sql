-- Whether a worker that holds the lease of a consumer may be sending this event right now.
create or replace function may_be_sending(tenant text, consumer text, event_position bigint)
returns boolean
language sql volatile as $$
  select exists (
    select from cursor c
    where c.tenant = $1 and c.consumer = $2
      and is_held(c.lease_until)
      and $3 = any(c.unresolved)
  )
$$;
