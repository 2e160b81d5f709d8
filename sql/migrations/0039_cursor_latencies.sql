-- A step carries totals, and its receipt gets the difference to the cursor's row: a crash of the
-- database may have undone steps before it, and a step whose answer was lost may come twice. For
-- that the row keeps the latencies of the current lease; it has the counts already.
-- Old processes survive this migration; what a crash undoes of their steps stays uncounted.

alter table cursor add column latency_ms_histogram integer[] not null default '{}';
comment on column cursor.latency_ms_histogram is
  'Events that the current lease has delivered, by latency, as in receipt.';
