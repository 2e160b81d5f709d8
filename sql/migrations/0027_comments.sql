-- What each table holds, and each column whose name does not say it: psql shows it (\d+), and
-- sql/schema.sql. What served only processes from before 0008 is dropped. A comment locks out no
-- reader and no writer. Processes of 0008 and later survive this migration.

drop function if exists register_integration(
  text, text, jsonb, text, text, bigint, bigint, integer
);
drop function if exists change_integration(
  text, text, integer, text, text, text, text, jsonb, boolean
);
drop function if exists note_integration(text, text, text, text, text);

-- Databases of before have it from their first functions.
create table if not exists function_checksum (
  name text,
  checksum text,
  applied_at timestamptz not null default now(),
  primary key (name, checksum)
);

comment on sequence lane_position is
  'The last position that was handed out. A sequence, not a row: dead versions of a row that every
  append updates slow the lane down while an old snapshot is open.';

comment on table event is
  'The log: one immutable row an event, partitioned by UTC day. Update, delete and truncate are
  refused; retention drops whole partitions.';
comment on column event.tenant is 'The retailer whose event it is.';
comment on column event.position is
  'The place in the log: the microsecond of publication since 1970. Unique per tenant, and it grows
  in the order of commits. time_of(position) is published_at.';
comment on column event.name is '<entity>.<action>, such as order.created.';
comment on column event.idempotency_key is
  'The publisher''s own key; unique per tenant and name for as long as the log is kept.';
comment on column event.team is 'The publisher''s team, by its own account.';
comment on column event.service is 'The publisher''s service, by its own account.';
comment on column event.correlation_ids is 'An object of order_id and customer_id, or empty.';
comment on column event.payload_bytes is
  'The length of the payload, so that a page knows its size.';
comment on column event.payload is
  'As it was published, to the byte. json, never jsonb: that would reorder keys and respell
  numbers.';

comment on table event_key is
  'Finds an event by its idempotency key. Partitioned by ten days, dropped with the events.';
comment on column event_key.key_hash is 'event_key_hash(name, idempotency_key).';
comment on column event_key.position is 'Of the event that has the key.';

comment on table config_log is
  'Every change of configuration and of status, for ever: the source of the tables that
  configuration is read from. Update, delete and truncate are refused.';
comment on column config_log.tenant is 'Whose; * for a key of every tenant.';
comment on column config_log.position is 'When it was changed, as a position of the log.';
comment on column config_log.version is
  'Of what was changed, counted from 1 at each registration. An entry that keeps the version of the
  one before is a note: something happened, nothing was changed.';
comment on column config_log.status is 'After the change.';
comment on column config_log.actor is 'Who: a key, a token, or millrace itself.';
comment on column config_log.document is
  'The whole configuration after the change, secrets sealed; null after a removal.';
comment on column config_log.attempt is
  'The call that made the entry: if its answer is lost, it is sent again and recognised.';

comment on table consumer is
  'What has a cursor on a tenant''s log: an integration (webhook or files), a subscription (queue or
  topic), a projection of our own. The newest document of each, as config_log has it.';
comment on column consumer.id is
  'Its one name in all tables: "erp-1", "subscription:crm", "projection:shop".';
comment on column consumer.version is 'Of the document and status; a change names the one it saw.';
comment on column consumer.created_position is 'Of its registration, in config_log.';
comment on column consumer.changed_position is 'Of its last change, in config_log.';
comment on column consumer.stopped_position is
  'Of the entry of config_log that stopped it; null while it runs.';

comment on table cursor is
  'How far a run of a consumer has come. Everything up to read_position is settled (delivered,
  rejected, filtered out) but what stands in unresolved. owner, epoch and lease_until are the lease:
  a worker whose write names another owner or epoch changes nothing.';
comment on column cursor.run is '0: live. Above 0: a replay.';
comment on column cursor.unresolved is 'Positions that were read and are not settled yet.';
comment on column cursor.attempts is 'How often the oldest unresolved event has failed in a row.';
comment on column cursor.retry_at is 'When it is tried again.';
comment on column cursor.retry_set_at is
  'When retry_at was written: if the clock is before that, it was set back, and retry_at means
  nothing.';
comment on column cursor.epoch is 'Counts the leases.';
comment on column cursor.version is
  'Of the configuration under which it read what is unresolved (keep_window).';
comment on column cursor.stop_position is
  'The last position that the run is to send; null: it follows the log.';
comment on column cursor.close_until is
  'Until when a worker may take the lease of a stopped consumer, to write its last file.';

comment on table receipt is
  'What was delivered when: one row for each step of a cursor. Partitioned and dropped as the log
  is.';
comment on column receipt.position is 'The moment of the step.';
comment on column receipt.version is 'Of the consumer''s configuration that the step went by.';
comment on column receipt.from_position is 'The step settled what was left after this position …';
comment on column receipt.to_position is '… up to this one.';
comment on column receipt.filtered is 'Events that the filter did not take.';
comment on column receipt.latency_ms_histogram is
  'Events by the time from publication to delivery: up to 1, 2, 4, 8, … ms; the last one: slower.';

comment on table attempt is
  'Every failed try to deliver, and every try by hand, with what the target said (secrets masked).
  Partitioned and dropped as the log is.';
comment on column attempt.position is 'The moment of the try.';
comment on column attempt.event_position is 'Of the event that was sent.';
comment on column attempt.attempt is '1 for the first try of the stream; 0 for one by hand.';
comment on column attempt.status is 'Of HTTP; null where there was no answer.';
comment on column attempt.response is 'How the answer''s body begins.';

comment on table rejected_event is
  'Events that a target answered with 400: kept, past the retention of the log too, until somebody
  sends them again or deletes them.';
comment on column rejected_event.run is 'The run of the cursor that met the rejection.';
comment on column rejected_event.event_position is 'Of the event in the log.';
comment on column rejected_event.status is 'Of HTTP.';
comment on column rejected_event.response is 'How the answer''s body began (secrets masked).';

comment on table export_file is
  'The manifest: each file that an integration writes to S3, recorded before its upload begins and
  finished in the transaction that moves the cursor. An open one is written again as it is here.';
comment on column export_file.position is 'The moment at which it was planned.';
comment on column export_file.version is 'Of the configuration that it was planned by.';
comment on column export_file.key is 'Of the object in the bucket.';
comment on column export_file.from_position is
  'It holds what the filter takes after this position …';
comment on column export_file.to_position is '… up to this one.';
comment on column export_file.first_position is 'Of the first event in it.';
comment on column export_file.last_position is 'Of the last event in it.';
comment on column export_file.filter is 'The filter that it was begun with.';
comment on column export_file.upload_id is 'Of the multipart upload, so that it can be aborted.';
comment on column export_file.events is 'How many lines it has.';
comment on column export_file.bytes is 'Of the object as it is stored.';
comment on column export_file.sha256 is 'Of the object as it is stored.';

comment on table api_key is
  'API keys. Only a revocation changes one; no key is ever deleted.';
comment on column api_key.id is 'The public part of a key: mr_<id>_<secret>.';
comment on column api_key.secret_sha256 is 'The hash of the secret part, which is stored nowhere.';
comment on column api_key.tenants is 'Those it is for; {*}: all.';
comment on column api_key.teams is 'A publisher''s; null: any.';
comment on column api_key.services is 'A publisher''s; null: any.';
comment on column api_key.event_names is 'What may be published, such as order.*; null: anything.';
comment on column api_key.created_by is
  'Who made it: "API key <id> (<name>)", a JWT''s subject, or the admin token.';
comment on column api_key.rate is 'Events a second on each process; null: any.';

comment on table secret_key_check is
  'A known text, sealed with MILLRACE_SECRET_KEY at the first start: a start with another key is
  refused. One row.';
comment on column secret_key_check.sealed_next is
  'The same text under the key that is being rolled in, until rotate-secrets is done.';

comment on table notification_job is
  'Jobs that mail a tenant''s customers: the newest document of each, as config_log has it.';
comment on column notification_job.created_position is 'Of its creation, in config_log.';
comment on column notification_job.changed_position is 'Of its last change, in config_log.';
comment on column notification_job.through_position is
  'Where its last run ended: the next one looks at what the log has after it.';
comment on column notification_job.epoch is 'Counts the leases, as a cursor''s does.';

comment on table notification_run is
  'Each run of a job, from when it was asked for. Counts are of customers, but for notices.';
comment on column notification_run.position is 'The moment at which it was asked for.';
comment on column notification_run.tick_at is 'The time of the schedule that it is for.';
comment on column notification_run.from_position is 'It looks at the log after this position …';
comment on column notification_run.to_position is '… up to this one.';
comment on column notification_run.retry_at is 'When it goes on, after a failure.';
comment on column notification_run.retry_set_at is 'When retry_at was written, as in cursor.';
comment on column notification_run.found is 'Customers who were to be told something.';
comment on column notification_run.notices is 'Lines of the ledger that were sent.';
comment on column notification_run.rejected is 'Those whose mail was answered with 400.';
comment on column notification_run.withheld is
  'Those who had nothing to be told any more, or no address.';
comment on column notification_run.unconfirmed is
  'Those whose mail left without an answer that is known.';
comment on column notification_run.reason is 'Why it failed.';

comment on table notification_sender is
  'What a tenant''s mails are sent with; its key is sealed in the document. Tenants without a row
  use
  what the operator has set.';

comment on table notice is
  'The ledger of notifications: a row for each customer, item and occasion. Its key is why a notice
  goes out once, whichever job tells it.';
comment on column notice.position is
  'Of the occasion in the log (a restock, a fall of the price); of a reminder, of its run.';
comment on column notice.item_id is 'Empty in a reminder.';
comment on column notice.state is
  'due: it has not left. sending: from just before the request until its answer. Then sent, rejected
  (400), withheld (nothing, or nobody, to tell), or unconfirmed (it may have left).';

comment on table shop_customer is
  'A projection of customer events. In all tables shop_…, position is that of the event by which the
  row was last changed; they are written with the cursor of projection:shop.';
comment on table shop_product is 'A projection of product events.';
comment on table shop_variant is 'A projection of variant_product events.';
comment on table shop_price is 'A projection of price events.';
comment on column shop_price.item_id is 'A variant, or a product that has none.';
comment on table shop_price_drop is 'Occasions: a price fell. Kept as long as events are.';
comment on table shop_restock is
  'Occasions: an item went from none to some in stock. Kept as long as events are.';
comment on table shop_stock is 'A projection of inventory_level events.';
comment on column shop_stock.available is
  '0 after a deletion, so that what comes back later is a restock.';
comment on table shop_wish is 'A projection of wishlist events.';
comment on column shop_wish.position is 'Of the event that put the item on the list.';
comment on table shop_unreadable is 'Events of the shop that could not be read, and were skipped.';
comment on column shop_unreadable.entry is 'Which one of a bulk operation.';

comment on table event_type is
  'The event names that a tenant has published, each with its last time. Read off the log, behind
  it;
  a name outlives its events.';
comment on table event_type_reader is 'How far the log of a tenant was read for event_type.';

comment on table migration_checksum is 'The files of sql/migrations that were applied.';
comment on table function_checksum is
  'The texts of sql/functions that were applied. One that is here is not applied again.';

comment on view integration is 'The consumers that the configuration API may see.';
comment on view masked_config_log is 'config_log as it may be shown: secrets are ***.';
