-- Whether a table is named like a partition of the log: its table, and the first day. Attached or
-- not: one that a crash has left behind has the name still.
create or replace function is_partition_name(name name) returns boolean
language sql immutable
as $$
  select name ~ '^(event|event_key|receipt|attempt)_[0-9]{8}$'
$$;
