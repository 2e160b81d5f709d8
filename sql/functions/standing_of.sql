-- The current or last state of a consumer; no row if there never was one.
create or replace function standing_of(tenant text, consumer text)
returns table (
  status text, actor text, reason text, turned_position bigint, version integer, names jsonb,
  entities jsonb, classes jsonb, takes_all boolean, starts_after bigint, ends_with bigint
)
language sql stable
as $$
select
  turn.status, turn.actor, turn.reason, turn.position as turned_position,
  known.version, known.names, known.entities, known.classes, known.takes_all,
  coalesce(
    position_of((known.document ->> 'starts_at')::timestamptz) - 1,
    (
      select max(position) from configurations_of($1, $2) as configuration
      where coalesce(previous_status, 'removed') = 'removed'
    )
  ) as starts_after,
  position_of((known.document ->> 'ends_at')::timestamptz) as ends_with
from (
  select * from configurations_of($1, $2) as configuration
  where status is distinct from previous_status
  order by position desc
  limit 1
) as turn
cross join (
  select * from configurations_of($1, $2) where document is not null order by position desc limit 1
) as known
$$;
