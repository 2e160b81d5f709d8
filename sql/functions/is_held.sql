-- Whether a lease, or the time that a stop gives to close a file, has not ended. The longest
-- possible one is 5.5 minutes: MILLRACE_LEASE_MS of at most 5 minutes, and 30 s to close a file. An
-- end more than 6 minutes away was written by a clock that was ahead, so it counts as over.
create or replace function is_held(until timestamptz) returns boolean
language sql volatile as $$
  select coalesce(
    until > clock_timestamp() and until <= clock_timestamp() + interval '6 minutes', false
  )
$$;
