-- The run of a rejected event that a process of before 0023 keeps, which names none: the one that
-- its consumer was registered with. (0023_replay has its first text: such a process does not wait
-- for the functions.)
create or replace function name_run() returns trigger
language plpgsql as $$
begin
  new.run := coalesce((
    select min(run) from cursor where tenant = new.tenant and consumer = new.consumer
  ), 0);
  return new;
end
$$;
