-- Whether it is time for a retry; null: nothing is waited for. retry_set_at is when retry_at was
-- written: if that is still to come, the clock was ahead then, and the retry is due. A process of
-- the version before does not write it: then the longest schedule bounds retry_at. That has 9.4
-- hours, with MILLRACE_RETRY_BASE_MS of a minute.
create or replace function is_due(retry_at timestamptz, retry_set_at timestamptz)
returns boolean
language sql volatile as $$
  select retry_at is null
    or retry_at <= clock_timestamp()
    or coalesce(retry_set_at, retry_at - interval '10 hours') > clock_timestamp()
$$;
