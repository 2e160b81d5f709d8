-- The trigger of config_log: an entry that says what happened to a stream is also an event, at the
-- same position. Its caller has the lane, and stores the position in the sequence. The alert of an
-- interruption ends with the stream: a stopped one is not interrupted.
create or replace function alert_of_change() returns trigger
language plpgsql as $$
begin
  perform append_alert(
    new.tenant,
    new.position,
    'millrace.' || case new.action
      when 'events_expiring' then 'retention_at_risk'
      else new.action
    end,
    new.id,
    json_build_object(
      'kind', new.kind,
      -- As its API names it.
      'id', regexp_replace(new.id, '^(subscription|job):', ''),
      'reason', new.reason, 'actor', new.actor, 'status', new.status, 'version', new.version
    )
  );
  if new.action in ('integration_stopped', 'subscription_stopped') then
    update cursor
    set alerted = false
    where cursor.tenant = new.tenant and cursor.consumer = new.id and cursor.alerted;
  end if;
  return null;
end
$$;
