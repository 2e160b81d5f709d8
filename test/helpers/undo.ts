// What takes a migration back, so that a test can carry it out on what was there before it.

const forget = (name: string) => `
  delete from migration_checksum where name = '${name}';
  delete from kysely_migration where name = '${name}';`

/** 0028_comments, then 0027_comments: both may be carried out again. */
const undoComments = forget('0028_comments') + forget('0027_comments')

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
