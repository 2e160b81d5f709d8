-- Whether a name looks like a partition of the log: the table, then the first day. A detached
-- partition that a crash left behind keeps its name, so it matches, too.
create or replace function is_partition_name(name name) returns boolean
language sql immutable
as $$
  select name ~ '^(event|event_key|receipt|attempt)_[0-9]{8}$'
$$;
