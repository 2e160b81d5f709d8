-- Fills in the run of a rejected event from a process older than 0023, which names none: the run
-- that its consumer was registered with. (0023_replay has the first text of this function, since
-- such a process does not wait for sql/functions.)
create or replace function name_run() returns trigger
language plpgsql as $$
begin
  new.run := coalesce((
    select min(run) from cursor where tenant = new.tenant and consumer = new.consumer
  ), 0);
  return new;
end
$$;
