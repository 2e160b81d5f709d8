-- Comments that were missing, and those that named no subject. Partitions of keys are thirty days
-- long since 0015. A comment locks out no reader and no writer: old processes survive this
-- migration.

comment on table event_key is
  'Finds an event by its idempotency key. Partitioned by thirty days, dropped with the events.';
comment on column event_key.position is 'The position of the event that has the key.';

comment on column config_log.tenant is 'Whose configuration it is; * for a key of every tenant.';
comment on column config_log.kind is 'What was changed: a consumer, a job, a sender or a key.';
comment on column config_log.id is
  'The id of what was changed, unique among all kinds: "erp-1", "subscription:crm",
  "projection:shop", "job:weekly", "sender:sendgrid", "key:0123456789ab".';
comment on column config_log.version is
  'The version after the change, counted from 1 at each registration. An entry that keeps the
  version of the one before is a note: something happened, nothing was changed.';
comment on column config_log.action is
  'What happened, such as integration_stopped or key_created.';
comment on column config_log.status is 'The status after the change.';

comment on column consumer.version is
  'The version of the document and status; a change names the one it saw.';
comment on column consumer.status is
  'running or stopped. A running one may be interrupted: see cursor.attempts.';
comment on column consumer.created_position is 'The position of its registration in config_log.';
comment on column consumer.changed_position is 'The position of its last change in config_log.';
comment on column consumer.stopped_position is
  'The position of the entry of config_log that stopped it; null while it runs.';

comment on column cursor.owner is
  'The worker that has the lease, by its presence; null: nobody has it.';
comment on column cursor.version is
  'The version of the configuration under which it read what is unresolved (keep_window).';

comment on column receipt.version is
  'The version of the consumer''s configuration that the step went by.';

comment on column attempt.event_position is 'The position of the event that was sent.';
comment on column attempt.outcome is
  'rejected (400; 413 if it is too large), refused (the target takes nothing more), unavailable (to
  be tried again), or delivered (a rejected event, sent again by hand).';
comment on column attempt.status is 'The status of HTTP; null if there was no answer.';

comment on column rejected_event.event_position is 'The position of the event in the log.';
comment on column rejected_event.status is 'The status of HTTP.';

comment on column export_file.version is
  'The version of the configuration that it was planned by.';
comment on column export_file.key is 'The key of the object in the bucket.';
comment on column export_file.first_position is 'The position of the first event in it.';
comment on column export_file.last_position is 'The position of the last event in it.';
comment on column export_file.upload_id is
  'The id of the multipart upload, so that it can be aborted.';
comment on column export_file.state is
  'open: its upload is not finished, and repeats after a failure. finished: the object is there.
  abandoned: before that, its integration was removed, or started anew from now.';
comment on column export_file.bytes is 'The size of the object as it is stored.';
comment on column export_file.sha256 is 'The hash of the object as it is stored.';

comment on column api_key.tenants is 'The tenants it is for; {*}: all.';
comment on column api_key.teams is 'The teams it may publish for; null: any.';
comment on column api_key.services is 'The services it may publish for; null: any.';
comment on column api_key.event_names is
  'The names it may publish, such as order.*; null: anything.';

comment on column secret_key_check.is_only is 'Always true. As the primary key it allows one row.';

comment on column notification_job.created_position is
  'The position of its creation in config_log.';
comment on column notification_job.changed_position is
  'The position of its last change in config_log.';

comment on column notification_run.cause is
  'schedule: its time had come. manual: somebody asked for it.';
comment on column notification_run.state is
  'queued: it waits for a worker. running: it has begun. completed, failed: it is over.';
comment on column notification_run.rejected is 'Customers whose mail was answered with 400.';
comment on column notification_run.withheld is
  'Customers who had nothing to be told any more, or no address.';
comment on column notification_run.unconfirmed is
  'Customers whose mail left without an answer that is known.';

comment on column notice.notification is
  'Why the customer is told: BACK_IN_STOCK, PRICE_DROP or WISHLIST_REMINDER.';
comment on column notice.position is
  'The position of the occasion in the log (a restock, a fall of the price); in a reminder, that of
  its run.';

comment on column shop_wish.position is
  'The position of the event that put the item on the list.';
