-- Whether a lease, or the time that a stop gives to close a file, still lasts. The longest there
-- can be is 5.5 minutes (MILLRACE_LEASE_MS at most 5, and 30 s to close a file): what ends later
-- than 6 minutes from now was written while the clock was ahead, and is over.
create or replace function is_held(until timestamptz) returns boolean
language sql volatile as $$
  select coalesce(
    until > clock_timestamp() and until <= clock_timestamp() + interval '6 minutes', false
  )
$$;
