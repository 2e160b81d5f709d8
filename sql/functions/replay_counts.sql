-- The sums of the receipts of a replay, and how many events it settled in the last minute.
create or replace function replay_counts(tenant text, consumer text, number integer)
returns table (delivered bigint, rejected bigint, filtered bigint, last_minute bigint)
language sql stable
as $$
  select
    coalesce(sum(receipt.delivered), 0)::bigint,
    coalesce(sum(receipt.rejected), 0)::bigint,
    coalesce(sum(receipt.filtered), 0)::bigint,
    coalesce(sum(receipt.delivered + receipt.rejected) filter (
      where receipt.position > position_of(clock_timestamp() - interval '1 minute')
    ), 0)::bigint
  from receipt
  where receipt.tenant = $1 and receipt.consumer = $2 and receipt.run = $3
$$;
