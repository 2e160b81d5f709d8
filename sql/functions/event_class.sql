-- What a subscription asks for: an action that ends in create or created, in delete or deleted, or
-- any other. (An action ends where the name does.)
create or replace function event_class(name text) returns text
language sql immutable parallel safe
return case
  when name like '%create' or name like '%created' then 'create'
  when name like '%delete' or name like '%deleted' then 'delete'
  else 'change'
end;
