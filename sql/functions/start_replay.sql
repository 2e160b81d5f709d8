-- Starts a replay of a consumer: its events from one position to another, both included, once more,
-- beside its live stream. The range ends with what was published before the start, whatever
-- to_position says. filter_conditions replaces the consumer's own filter (null: keeps it); rate is
-- in events a second (null: no limit of its own).
--
-- outcome: 'running'; or 'queued', since another replay of the consumer comes first. Nothing is
-- done if it is 'absent' (no such consumer), 'projection' (it is rebuilt, not replayed), 'empty'
-- (the range ends before it begins), or 'full' (max_count replays of it are under way or queued).
create or replace function start_replay(
  tenant text, consumer text, from_position bigint, to_position bigint, filter_conditions jsonb,
  rate integer, actor text, reason text, max_count integer, latest_position bigint default null
) returns table (outcome text, number integer)
language plpgsql as $$
#variable_conflict use_variable
declare
  target consumer := lock_consumer(tenant, consumer);
  under_way bigint;
  last_position bigint;
begin
  select count(*) into under_way
  from replay r
  where r.tenant = tenant and r.consumer = consumer and r.ended_position is null;
  outcome := case
    when target.id is null then 'absent'
    when target.kind = 'projection' then 'projection'
    when under_way >= max_count then 'full'
    when under_way > 0 then 'queued'
    else 'running'
  end;
  if outcome not in ('queued', 'running') then
    return next;
    return;
  end if;
  -- Receipts and attempts of a replay without a record keep their number, too.
  number := 1 + greatest(
    (select max(r.number) from replay r where r.tenant = tenant and r.consumer = consumer),
    (select max(c.run) from cursor c where c.tenant = tenant and c.consumer = consumer),
    (
      select max(r.run) from receipt r
      where r.tenant = tenant and r.consumer = consumer and r.run > 0
    ),
    (
      select max(a.run) from attempt a
      where a.tenant = tenant and a.consumer = consumer and a.run > 0
    ),
    0
  );
  -- Behind every append so far: no event can appear in the range any more.
  last_position := least(to_position, next_position(latest_position));
  if from_position > last_position then
    outcome := 'empty';
    number := null;
    return next;
    return;
  end if;
  perform note_consumer(
    tenant, consumer, 'replay_started', actor,
    format('Replay %s of what was published from %s to %s%s%s. %s', number,
      told_time(from_position), told_time(last_position),
      case when filter_conditions is not null then format(', by %s', filter_conditions) end,
      case when rate is not null then format(', at most %s events a second', rate) end, reason),
    latest_position
  );
  insert into replay (
    tenant, consumer, number, started_position, from_position, to_position, filter_conditions,
    rate, state, actor
  ) values (
    tenant, consumer, number, pg_sequence_last_value('lane_position'), from_position,
    last_position, filter_conditions, rate, 'queued', actor
  );
  perform begin_replay(tenant, consumer);
  return next;
end
$$;
