-- Replays of a consumer beside its live stream: each has a record, with its range, its own filter
-- and its end. Runs that were added by date before get theirs, as far as the config log tells. Old
-- processes survive this migration. But a worker of the version before knows no filter and no rate
-- of a replay, and no cancellation: restart the workers before you start one over the API.

create table replay (
  tenant text not null,
  -- The consumer that receives the events once more.
  consumer text not null,
  -- Counts the replays of an id; the run of its cursor, receipts and attempts. Never used again.
  number integer not null,
  -- The position of the entry of config_log that started it.
  started_position bigint not null,
  -- The first position that it may send, and the last one.
  from_position bigint not null,
  to_position bigint not null,
  -- In place of the consumer's own filter; null: that one.
  filter_conditions jsonb,
  -- The most events a second; null: what the worker gives all replays.
  rate integer,
  -- queued: another replay of the consumer comes first. running: it has a cursor. completed,
  -- cancelled, failed: it has ended.
  state text not null,
  -- How it ends as soon as no worker holds its cursor; null: nobody has asked for an end.
  ends_as text,
  -- The events that its filter takes, counted at its start; null: not known.
  total bigint,
  -- Whether the total was estimated, since the range is too large to be counted at once.
  is_estimate boolean not null default false,
  -- What its receipts add up to; null before its end.
  delivered bigint,
  rejected bigint,
  filtered bigint,
  -- Everything up to here was settled when it ended.
  settled_position bigint,
  -- Who started it, and who ended it (millrace, if it came to its end by itself).
  actor text not null,
  ended_by text,
  -- Why it ended, or is about to.
  end_reason text,
  -- The position of the entry of config_log that ended it.
  ended_position bigint,
  primary key (tenant, consumer, number),
  constraint number_is_positive check (number > 0),
  constraint range_is_not_empty check (from_position <= to_position),
  constraint rate_is_positive check (rate > 0),
  constraint state_is_known check (
    state in ('queued', 'running', 'completed', 'cancelled', 'failed')
  ),
  constraint end_is_known check (ends_as in ('cancelled', 'failed')),
  constraint ended_is_told check (
    (state in ('queued', 'running')) = (ended_position is null)
    and (
      ended_position is null
      or num_nulls(delivered, rejected, filtered, ended_by, end_reason) = 0
    )
  )
);

comment on table replay is
  'Replays of a consumer beside its live stream, kept for as long as their receipts. The newest of
  an id stays, so that no number is used again.';
comment on column replay.consumer is 'The consumer that receives the events once more.';
comment on column replay.number is
  'Counts the replays of an id; the run of its cursor, receipts and attempts. Never used again.';
comment on column replay.started_position is
  'The position of the entry of config_log that started it.';
comment on column replay.from_position is 'The first position that it may send.';
comment on column replay.to_position is 'The last position that it may send.';
comment on column replay.filter_conditions is
  'In place of the consumer''s own filter; null: that one.';
comment on column replay.rate is
  'The most events a second; null: what the worker gives all replays.';
comment on column replay.state is
  'queued: another replay of the consumer comes first. running: it has a cursor. completed,
  cancelled, failed: it has ended.';
comment on column replay.ends_as is
  'How it ends as soon as no worker holds its cursor; null: nobody has asked for an end.';
comment on column replay.total is
  'The events that its filter takes, counted at its start; null: not known.';
comment on column replay.is_estimate is
  'Whether the total was estimated, since the range is too large to be counted at once.';
comment on column replay.delivered is 'The sum of its receipts; null before its end.';
comment on column replay.rejected is 'The sum of its receipts; null before its end.';
comment on column replay.filtered is 'The sum of its receipts; null before its end.';
comment on column replay.settled_position is 'Everything up to here was settled when it ended.';
comment on column replay.actor is 'Who started it.';
comment on column replay.ended_by is 'Who ended it; millrace, if it came to its end by itself.';
comment on column replay.end_reason is 'Why it ended, or is about to.';
comment on column replay.ended_position is
  'The position of the entry of config_log that ended it.';

-- Few are under way, among all that are kept.
create index replay_under_way on replay (tenant, consumer, number) where ended_position is null;

-- Runs of before: each was noted with its number and its range. (A temporary integration's own run
-- was not: it is none of these.)
with started as (
  select
    entry.tenant, entry.id as consumer, entry.position, entry.actor,
    regexp_match(entry.reason, '^Replay (\d+) of what was published from (.+) to (.+)\.$') as told
  from config_log as entry
  where entry.action = 'replay_started'
),
range as (
  select
    tenant, consumer, position, actor, told[1]::integer as number,
    position_of(told[2]::timestamptz) as from_position,
    position_of(told[3]::timestamptz) as to_position
  from started
  where told is not null
),
-- Its end: the note of its completion, or the removal of its consumer.
known as (
  select distinct on (range.tenant, range.consumer, range.number)
    range.*, cursor.run is not null as is_under_way,
    ending.position as ended_position, ending.action, ending.actor as ended_by, ending.reason
  from range
  left join cursor
    on cursor.tenant = range.tenant and cursor.consumer = range.consumer
    and cursor.run = range.number
  left join config_log as ending
    on ending.tenant = range.tenant and ending.id = range.consumer
    and ending.position > range.position
    and (
      ending.status = 'removed'
      or (
        ending.action = 'replay_completed' and ending.reason like format('Replay %s: %%', number)
      )
    )
  order by range.tenant, range.consumer, range.number, range.position desc, ending.position
)
insert into replay (
  tenant, consumer, number, started_position, from_position, to_position, state, actor,
  delivered, rejected, filtered, ended_by, end_reason, ended_position
)
select
  tenant, consumer, number, position, from_position, to_position,
  case
    when is_under_way then 'running'
    when action = 'replay_completed' then 'completed'
    else 'cancelled'
  end,
  actor, receipts.delivered, receipts.rejected, receipts.filtered,
  case when not is_under_way then coalesce(ended_by, 'millrace') end,
  case when not is_under_way then coalesce(reason, 'Its cursor is gone.') end,
  case when not is_under_way then coalesce(ended_position, position) end
from known
cross join lateral (
  select
    coalesce(sum(receipt.delivered), 0) as delivered,
    coalesce(sum(receipt.rejected), 0) as rejected,
    coalesce(sum(receipt.filtered), 0) as filtered
  from receipt
  where receipt.tenant = known.tenant and receipt.consumer = known.consumer
    and receipt.run = known.number
) as receipts
where from_position <= to_position;
