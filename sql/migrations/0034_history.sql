-- Answers about the history of an event or a consumer become quick: indexes by the events of
-- receipts and attempts, and counts that each step adds to. Attempts by hand get an actor.
-- Old processes survive this migration. Deliveries wait while the indexes are built: about a second
-- for each million receipts that are kept. Steps of old processes add nothing to the counts.

-- In the order of those who write.
lock table attempt, cursor, receipt in share row exclusive mode;

alter table attempt add column actor text;
comment on column attempt.actor is
  'A key or a token, if it was sent by hand; null: the stream.';

alter table cursor
  add column delivered bigint not null default 0,
  add column rejected bigint not null default 0,
  add column filtered bigint not null default 0,
  add column counted_after bigint not null
    default (extract(epoch from clock_timestamp()) * 1000000)::bigint;
comment on column cursor.delivered is 'Events that its steps have delivered since counted_after.';
comment on column cursor.rejected is 'Events that were rejected since then.';
comment on column cursor.filtered is 'Events that the filter did not take since then.';
comment on column cursor.counted_after is
  'Since when the counts count: its registration, or the migration that added them.';

create index attempt_by_event on attempt (tenant, consumer, event_position);

-- The step that settled an event is the first one whose range ends at or after it.
create index receipt_by_end on receipt (tenant, consumer, run, to_position);

-- Receipts of keep_window, which overlap those of steps: few, and without counts.
create index receipt_of_window on receipt (tenant, consumer, to_position)
where delivered + rejected + filtered = 0;
