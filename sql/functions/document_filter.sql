-- The filter in the document of a consumer of a kind. `classes`: null takes every class.
create or replace function document_filter(kind text, document jsonb)
returns table (names jsonb, entities jsonb, classes jsonb, takes_all boolean)
language sql immutable parallel safe
as $$
select
  document #> '{filter_conditions,event_filter}',
  case
    -- In snake case, like the entities of collected events: CLUB1A becomes club1_a.
    when kind = 'subscription' then jsonb_build_array(lower(
      regexp_replace(document ->> 'entityType', '([a-z0-9])([A-Z])', '\1_\2', 'g')
    ))
    else document #> '{filter_conditions,entity_filter}'
  end,
  case
    when kind = 'subscription' then to_jsonb(array_remove(array[
      case when (document ->> 'subscribeCreate')::boolean then 'create' end,
      case when (document ->> 'subscribeChange')::boolean then 'change' end,
      case when (document ->> 'subscribeDelete')::boolean then 'delete' end
    ], null))
  end,
  kind <> 'subscription'
    and coalesce(jsonb_array_length(document #> '{filter_conditions,event_filter}'), 0)
      + coalesce(jsonb_array_length(document #> '{filter_conditions,entity_filter}'), 0) = 0
$$;
