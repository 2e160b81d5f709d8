-- The filter that a run of a consumer went by: that of its configuration, as given, unless the run
-- is a replay with a filter of its own. The columns are those of configurations_of.
create or replace function applied_filter(
  tenant text, consumer text, run integer,
  names_given jsonb, entities_given jsonb, classes_given jsonb, takes_all_given boolean
) returns table (names jsonb, entities jsonb, classes jsonb, takes_all boolean)
language sql stable
as $$
  select
    case when own.conditions is null then $4 else own.conditions -> 'event_filter' end,
    case when own.conditions is null then $5 else own.conditions -> 'entity_filter' end,
    case when own.conditions is null then $6 end,
    $7 and own.conditions is null
  from (
    select (
      select replay.filter_conditions
      from replay
      where replay.tenant = $1 and replay.consumer = $2 and replay.number = $3
    ) as conditions
  ) as own
$$;
