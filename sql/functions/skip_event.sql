-- Skips the event that holds up a consumer: keeps it among the rejected ones, settles it, and lets
-- the stream go on without waiting for the next retry. Returns an object with the outcome:
-- * skipped: done. rejectedId is that of the rejected event.
-- * absent: there is no such consumer.
-- * not_failing: it does not hold up the stream. failingPosition is that of the event that does (in
--   the lowest run), or null.
-- * busy: a worker holds the lease, and may be sending the event right now. Ask again: a turn whose
--   event fails releases the lease, and one whose event is taken settles it.
-- * full: most_kept rejected events are kept already.
-- Only the first outcome has changed anything. Nobody holds the lease then: no worker can have
-- delivered the event in between and still write it down, and no later turn sends it.
create or replace function skip_event(
  tenant text, consumer text, skipped_position bigint, actor text, reason text,
  most_kept integer, latest_position bigint
) returns jsonb
language plpgsql as $$
#variable_conflict use_variable
declare
  life consumer;
  held record;
  kept_id uuid;
  kept_before integer;
  is_last boolean := false;
  last record;
  after_skip bigint[];
  now_position bigint;
begin
  -- Asked before the rows are locked, so that one who waits for a worker does not disturb it.
  if may_be_sending(tenant, consumer, skipped_position) then
    return jsonb_build_object('outcome', 'busy');
  end if;
  life := lock_consumer(tenant, consumer);
  if life.id is null then
    return jsonb_build_object('outcome', 'absent');
  end if;
  if may_be_sending(tenant, consumer, skipped_position) then
    return jsonb_build_object('outcome', 'busy');
  end if;
  select c.* into held
  from cursor c
  where c.tenant = tenant and c.consumer = consumer
    and failing_event(tenant, consumer, c.run) = skipped_position
  order by c.run
  limit 1;
  if held.run is null then
    return jsonb_build_object('outcome', 'not_failing', 'failingPosition', (
      select failing.position
      from cursor c
      cross join lateral failing_event(tenant, consumer, c.run) as failing (position)
      where c.tenant = tenant and c.consumer = consumer and failing.position is not null
      order by c.run
      limit 1
    ));
  end if;
  select r.id into kept_id
  from rejected_event r
  where r.tenant = tenant and r.consumer = consumer and r.event_position = skipped_position;
  select count(*) into kept_before
  from rejected_event r
  where r.tenant = tenant and r.consumer = consumer;
  if kept_id is null and most_kept <= kept_before then
    return jsonb_build_object('outcome', 'full');
  end if;

  select a.* into last
  from attempt a
  where a.tenant = tenant and a.consumer = consumer and a.run = held.run
    and a.event_position = skipped_position and a.attempt > 0
    and a.position >= held.unresolved[1] - 86400000000
  order by a.position desc
  limit 1;
  if kept_id is null then
    insert into rejected_event (
      tenant, consumer, run, event_position, name, entity_id, idempotency_key, payload, cause,
      status, response
    )
    select
      tenant, consumer, held.run, e.position, e.name, e.entity_id, e.idempotency_key, e.payload,
      'skipped', last.status, coalesce(last.response, last.reason)
    from event e
    where e.tenant = tenant and e.position = skipped_position
    returning id into kept_id;
    is_last := kept_before + 1 = most_kept;
  end if;
  -- The window has settled other events before, under the version that read it.
  perform keep_window(tenant, consumer, held.run, life.version);
  after_skip := array_remove(held.unresolved, skipped_position);
  now_position := least(position_of(clock_timestamp()), latest_position);
  -- As the step of a turn that settles this one event.
  insert into receipt (
    tenant, position, consumer, run, version, from_position, to_position,
    delivered, rejected, filtered, latency_ms_histogram
  ) values (
    tenant, now_position, consumer, held.run, life.version,
    held.unresolved[1] - 1, coalesce(after_skip[1] - 1, held.read_position), 0, 1, 0, '{}'
  );
  insert into attempt (
    tenant, position, consumer, run, event_position, attempt, outcome, status, reason, response
  ) values (
    tenant, now_position, consumer, held.run, skipped_position, last.attempt, 'skipped', null,
    format('Skipped by %s: %s', actor, reason), null
  );
  -- An expired lease ends here, so a worker that was frozen writes nothing more.
  update cursor c
  set unresolved = after_skip, attempts = 0, retry_at = null, owner = null, lease_until = null,
    rejected = c.rejected + 1
  where c.tenant = tenant and c.consumer = consumer and c.run = held.run;
  perform note_consumer(
    tenant, consumer, 'event_skipped', actor,
    (
      select format('Skipped %s of %s (position %s, idempotency key %s): %s Its last failure: %s',
        r.name, r.entity_id, r.event_position, r.idempotency_key, reason, last.reason)
      from rejected_event r
      where r.tenant = tenant and r.consumer = consumer and r.id = kept_id
    ),
    latest_position
  );
  if is_last then
    perform alert_rejected_limit(tenant, consumer, most_kept, latest_position);
  end if;
  return jsonb_build_object('outcome', 'skipped', 'rejectedId', kept_id);
end
$$;
