-- The trigger of cursor: a running consumer is interrupted, or has recovered. There is at most one
-- alert of each a minute for one consumer. A state that lasts is alerted later
-- (src/maintenance/alerts.ts). So is a change whose transaction has not set its bound of positions,
-- millrace.latest_position. Replays beside a live stream end with an alert of their own. The update
-- has locked the cursor's row, so the lane comes after it.
create or replace function alert_of_stream() returns trigger
language plpgsql as $$
declare
  is_failing boolean := new.attempts > 0;
  last_alert_at timestamptz :=
    case when is_failing then new.interruption_alert_at else new.recovery_alert_at end;
  latest_position bigint := nullif(current_setting('millrace.latest_position', true), '')::bigint;
  alert_at timestamptz := clock_timestamp();
  life consumer;
  last_failure record;
begin
  if latest_position is null
    or last_alert_at between alert_at - interval '1 minute' and alert_at
  then
    return new;
  end if;
  select * into life
  from consumer
  where consumer.tenant = new.tenant and consumer.id = new.consumer;
  if life.status is distinct from 'running' or life.kind = 'projection' or exists (
    select from cursor
    where cursor.tenant = new.tenant and cursor.consumer = new.consumer and cursor.run < new.run
  ) then
    return new;
  end if;
  select attempt.reason, attempt.event_position into last_failure
  from attempt
  where attempt.tenant = new.tenant and attempt.consumer = new.consumer and attempt.run = new.run
    and attempt.position > position_of(alert_at - interval '1 day') and attempt.attempt > 0
  order by attempt.position desc
  limit 1;
  if append_alert(
    new.tenant, null,
    format('millrace.%s_%s', life.kind,
      case when is_failing then 'interrupted' else 'recovered' end),
    new.consumer,
    json_strip_nulls(json_build_object(
      'kind', life.kind, 'id', regexp_replace(life.id, '^subscription:', ''),
      'reason', case
        when not is_failing then 'The stream goes on.'
        else coalesce(last_failure.reason, 'The target does not take what is sent.')
      end,
      'attempts', nullif(new.attempts, 0),
      'event_position', case when is_failing then last_failure.event_position end
    )),
    latest_position
  ) is null then
    return new;
  end if;
  new.alerted := is_failing;
  if is_failing then
    new.interruption_alert_at := alert_at;
  else
    new.recovery_alert_at := alert_at;
  end if;
  return new;
end
$$;
