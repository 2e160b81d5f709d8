-- Whether a configuration takes an event. Alerts, the events of the entity millrace, are taken only
-- if they are named, and never by the consumer that they are about.
drop function if exists takes_event(boolean, jsonb, jsonb, jsonb, text);

create or replace function takes_event(
  takes_all boolean, names jsonb, entities jsonb, classes jsonb, name text, entity_id text,
  consumer text
) returns boolean
language sql immutable parallel safe
return (
    (takes_all and name not like 'millrace.%')
    or coalesce(names ? name, false)
    or coalesce(entities ? split_part(name, '.', 1), false)
  )
  and (classes is null or classes ? event_class(name))
  and not (name like 'millrace.%' and entity_id = consumer);
