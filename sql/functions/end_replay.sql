-- Ends a replay, given its record with its state, counts and reason (count_replay), and notes it in
-- the config log. Its cursor and its open file go, and the next one of its consumer begins. The
-- caller has locked the consumer, and knows that no worker sends for the replay any more.
create or replace function end_replay(ending replay, latest_position bigint) returns void
language plpgsql as $$
begin
  -- Takes the lane.
  perform note_consumer(
    ending.tenant, ending.consumer, 'replay_' || ending.state, ending.ended_by,
    format('Replay %s: %s%s%s', ending.number,
      lower(left(ending.end_reason, 1)), substr(ending.end_reason, 2),
      case when ending.state <> 'completed' then
        format(' %s delivered, %s rejected.', ending.delivered, ending.rejected)
      end),
    latest_position
  );
  update replay r
  set state = ending.state,
    ends_as = null,
    ended_by = ending.ended_by,
    end_reason = ending.end_reason,
    ended_position = pg_sequence_last_value('lane_position'),
    delivered = ending.delivered,
    rejected = ending.rejected,
    filtered = ending.filtered,
    settled_position = ending.settled_position,
    -- Nothing is left to be estimated at the end.
    total = case
      when ending.state = 'completed' and (r.is_estimate or r.total is null)
        then ending.delivered + ending.rejected
      else r.total
    end,
    is_estimate = r.is_estimate and ending.state <> 'completed'
  where r.tenant = ending.tenant and r.consumer = ending.consumer and r.number = ending.number;
  delete from cursor c
  where c.tenant = ending.tenant and c.consumer = ending.consumer and c.run = ending.number;
  update export_file f
  set state = 'abandoned'
  where f.tenant = ending.tenant and f.consumer = ending.consumer and f.run = ending.number
    and f.state = 'open';
  perform begin_replay(ending.tenant, ending.consumer);
end
$$;
