-- Whether a configuration takes events of this name.
create or replace function takes_event(
  takes_all boolean, names jsonb, entities jsonb, classes jsonb, name text
) returns boolean
language sql immutable parallel safe
return (
    takes_all
    or coalesce(names ? name, false)
    or coalesce(entities ? split_part(name, '.', 1), false)
  )
  and (classes is null or classes ? event_class(name));
