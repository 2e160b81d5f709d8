-- What audits rest on cannot be truncated: the log, the config log, receipts, attempts, keys. Each
-- partition has a trigger of its own, for one on the parent does not fire if a partition is named;
-- new ones get it from create_partition. An owner can drop a trigger: that is not fought. Old
-- processes survive this migration; partitions that they make lack the trigger.

-- In the order of those who write: an event and its key, the record of a delivery, what is noted of
-- both last. Partitions are locked with their tables.
lock table event, event_key, attempt, receipt, api_key, config_log in share row exclusive mode;

create trigger refuses_truncate before truncate on config_log
for each statement execute function refuse_change_of_log();

create trigger refuses_truncate before truncate on api_key
for each statement execute function refuse_change_of_log();

do $$
declare
  kept regclass;
begin
  for kept in
    select parent.relation
    from unnest(array['event', 'event_key', 'receipt', 'attempt']::regclass[]) as parent (relation)
    union all
    select inhrelid
    from pg_inherits
    where inhparent in (
      'event'::regclass, 'event_key'::regclass, 'receipt'::regclass, 'attempt'::regclass
    )
  loop
    execute format('create trigger refuses_truncate before truncate on %s
      for each statement execute function refuse_change_of_log()', kept);
  end loop;
end
$$;

-- The config log as it may be shown: secrets are sealed in a document, and not even that is in it;
-- the URL of a sender of before may have a user and a password.
-- Who may read this view need not read the table.
create view masked_config_log as
select
  tenant, position, kind, id, version, action, status, actor, reason,
  regexp_replace(
    regexp_replace(document::text, '(?<!\\)"sealed:[^"\\]*"', '"***"', 'g'),
    '//([^/?#"\\]|\\.)*@', '//***@', 'g'
  )::jsonb as document
from config_log;
