-- Cancels the replays of a consumer that is being removed. The caller has locked the consumer.
create or replace function cancel_replays(
  tenant text, consumer text, actor text, reason text, latest_position bigint
) returns void
language plpgsql as $$
#variable_conflict use_variable
declare
  endings replay[];
  ending replay;
begin
  -- The last ones first, so that none of them begins. All are counted before the lane is taken.
  select array_agg(count_replay(r.tenant, r.consumer, r.number) order by r.number desc)
  into endings
  from replay r
  where r.tenant = tenant and r.consumer = consumer and r.ended_position is null;
  foreach ending in array coalesce(endings, '{}') loop
    ending.state := 'cancelled';
    ending.ended_by := actor;
    ending.end_reason := reason;
    perform end_replay(ending, latest_position);
  end loop;
end
$$;
