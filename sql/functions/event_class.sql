-- The class of change that a subscription can ask for, by how the event's action ends: create or
-- created, delete or deleted, or anything else. (The action is the last part of the name.)
create or replace function event_class(name text) returns text
language sql immutable parallel safe
return case
  when name like '%create' or name like '%created' then 'create'
  when name like '%delete' or name like '%deleted' then 'delete'
  else 'change'
end;
