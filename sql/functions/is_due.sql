-- Whether it is time for a retry (retry_at null: nothing to wait for). retry_set_at is when
-- retry_at was written. If that moment is still in the future, the clock was ahead then, and the
-- retry is due. Processes of the previous version do not write it. Then the longest possible
-- schedule bounds retry_at: 9.4 hours, with a MILLRACE_RETRY_BASE_MS of one minute.
create or replace function is_due(retry_at timestamptz, retry_set_at timestamptz)
returns boolean
language sql volatile as $$
  select retry_at is null
    or retry_at <= clock_timestamp()
    or coalesce(retry_set_at, retry_at - interval '10 hours') > clock_timestamp()
$$;
