// What takes a migration back, so that a test can carry it out on what was there before it.

const forget = (name: string) => `
  delete from migration_checksum where name = '${name}';
  delete from kysely_migration where name = '${name}';`

/** 0043_mailed. */
const undoMailed = `
  delete from notice where state = 'capped';
  alter table notice
    drop column mailed_at,
    drop constraint state_is_known,
    add constraint state_is_known check (
      state in ('due', 'sending', 'sent', 'rejected', 'withheld', 'unconfirmed')
    );
  drop index notice_capped;
  alter table notification_run drop column capped;
  ${forget('0043_mailed')}`

/** 0042_traceparent. */
const undoTraceparent = `
  ${undoMailed}
  alter table event drop column traceparent;
  ${forget('0042_traceparent')}`

/** 0040_alert. */
const undoAlert = `
  ${undoTraceparent}
  drop trigger change_is_alerted on config_log;
  drop trigger stream_is_alerted on cursor;
  drop function alert_of_change, alert_of_stream;
  alter table cursor
    drop column alerted, drop column interruption_alert_at, drop column recovery_alert_at;
  ${forget('0040_alert')}`

/** 0039_cursor_latencies. */
const undoCursorLatencies = `
  ${undoAlert}
  alter table cursor drop column latency_ms_histogram;
  ${forget('0039_cursor_latencies')}`

/** 0036_event_in_order. */
const undoEventInOrder = `
  ${undoCursorLatencies}
  drop index event_in_order, consumer_by_change;
  ${forget('0036_event_in_order')}`

/** 0034_history. */
const undoHistory = `
  ${undoEventInOrder}
  drop index attempt_by_event, receipt_by_end, receipt_of_window;
  alter table attempt drop column actor;
  alter table cursor
    drop column delivered, drop column rejected, drop column filtered, drop column counted_after;
  ${forget('0034_history')}`

/** 0033_replay_record. */
export const undoReplayRecord = `
  ${undoHistory}
  drop table replay cascade;
  ${forget('0033_replay_record')}`

/** 0032_skip. */
const undoSkip = `
  ${undoReplayRecord}
  delete from attempt where outcome in ('skipped', 'resent');
  alter table attempt
    drop constraint outcome_is_known,
    add constraint outcome_is_known
      check (outcome in ('rejected', 'refused', 'unavailable', 'delivered'));
  delete from rejected_event where status is null;
  alter table rejected_event drop column cause, alter column status set not null;
  ${forget('0032_skip')}`

/** 0031_registered_event_type. */
const undoRegistered = `
  ${undoSkip}
  drop table registered_event_type;
  alter table config_log
    drop constraint kind_is_known,
    add constraint kind_is_known check (
      kind in ('integration', 'subscription', 'projection', 'job', 'sender', 'key')
    );
  ${forget('0031_registered_event_type')}`

/** 0030_live. */
const undoLive = `
  ${undoRegistered}
  alter table event drop column live;
  ${forget('0030_live')}`

/** 0029_event_ids. */
export const undoEventIds = `
  ${undoLive}
  drop index event_by_id;
  ${forget('0029_event_ids')}`

/** 0028_comments, then 0027_comments: both may be carried out again. */
const undoComments = undoEventIds + forget('0028_comments') + forget('0027_comments')

/** 0026_event_type. */
const undoEventType = `
  ${undoComments}
  drop table event_type, event_type_reader;
  ${forget('0026_event_type')}`

/** 0025_window_version. */
const undoWindowVersion = `
  ${undoEventType}
  alter table cursor drop column version;
  ${forget('0025_window_version')}`

/** 0024_config_log. The view keeps its columns, and gets its text of before with 0022. */
export const undoConfigLog = `
  ${undoWindowVersion}
  drop trigger key_is_recorded on api_key;
  drop function record_key;
  drop index config_log_by_key;
  alter table config_log
    drop constraint document_is_kept,
    add constraint removed_has_no_document check ((status = 'removed') = (document is null));
  ${forget('0024_config_log')}`

/** 0023_replay: temporary integrations are run 0 again, and a stop has no position of its own. */
export const undoReplay = `
  ${undoConfigLog}
  alter table consumer drop column stopped_position;
  drop trigger run_is_named on rejected_event;
  drop function name_run;
  alter table rejected_event drop column run;
  update cursor set run = 0 from consumer
  where consumer.tenant = cursor.tenant and consumer.id = cursor.consumer
    and consumer.document ->> 'integration_type' = 'temporary';
  ${forget('0023_replay')}`

/** 0022_evidence, after those that came later. */
export const undoEvidence = `
  ${undoReplay}
  do $$
  declare
    name regclass;
  begin
    for name in select tgrelid from pg_trigger where tgname = 'refuses_truncate' loop
      execute format('drop trigger refuses_truncate on %s', name);
    end loop;
  end
  $$;
  drop view masked_config_log;
  ${forget('0022_evidence')}`
