-- What happens to a tenant's streams is an event of the entity millrace in the tenant's own log, an
-- alert (docs/alerts.md), appended in the transaction of the change. Triggers append them, so that
-- no way of changing something can forget to. Processes of the version before survive: what they
-- change is alerted, too. But their integrations without a filter still receive alerts.

-- In the order of those who write.
lock table config_log, cursor in share row exclusive mode;

alter table cursor
  add column alerted boolean not null default false,
  add column interruption_alert_at timestamptz,
  add column recovery_alert_at timestamptz;
comment on column cursor.alerted is
  'Whether the last alert of its state says that it is interrupted.';
comment on column cursor.interruption_alert_at is 'When its last interruption was alerted.';
comment on column cursor.recovery_alert_at is 'When its last recovery was alerted.';

-- Streams whose state was not alerted yet: an alert of the same kind was less than a minute ago.
create index cursor_to_alert on cursor (tenant, consumer, run)
where (attempts > 0) <> alerted;

-- Their texts are in sql/functions, and follow at once.
create function alert_of_change() returns trigger
language plpgsql as $$ begin return null; end $$;
create function alert_of_stream() returns trigger
language plpgsql as $$ begin return new; end $$;

create trigger change_is_alerted after insert on config_log for each row
when (
  new.kind in ('integration', 'subscription', 'job')
  and new.action in (
    'integration_started', 'integration_stopped', 'integration_updated', 'integration_completed',
    'integration_deleted', 'subscription_started', 'subscription_stopped', 'subscription_updated',
    'replay_completed', 'replay_failed', 'replay_cancelled', 'events_expiring', 'events_expired',
    'job_run_failed'
  )
)
execute function alert_of_change();

create trigger stream_is_alerted before update of attempts on cursor for each row
when ((new.attempts > 0) <> new.alerted)
execute function alert_of_stream();
