-- The schema as it is after all migrations, for reading: `make schema` writes it from the
-- catalogue of a fresh database, and a test fails if it is stale. Tables of the log have partitions
-- by day (event_key: by thirty days), which functions make and drop. graphile_worker, a schema of
-- its own, holds the jobs: hints to look at a cursor, and runs of notification jobs.

-- The last position that was handed out. A sequence, not a row: dead versions of a row that every
-- append updates slow the lane down while an old snapshot is open.
create sequence lane_position;

-- API keys. Only a revocation changes one; no key is ever deleted.
create table api_key (
  -- The public part of a key: mr_<id>_<secret>.
  id text not null,
  name text not null,
  -- The hash of the secret part, which is stored nowhere.
  secret_sha256 bytea not null,
  -- The tenants it is for; {*}: all.
  tenants text[] not null,
  scopes text[] not null,
  -- The teams it may publish for; null: any.
  teams text[],
  -- The services it may publish for; null: any.
  services text[],
  -- The names it may publish, such as order.*; null: anything.
  event_names text[],
  created_at timestamptz not null default clock_timestamp(),
  -- Who made it: "API key <id> (<name>)", a JWT's subject, or the admin token.
  created_by text not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  revoked_by text,
  -- Events a second on each process; null: any.
  rate integer,
  constraint api_key_pkey primary key (id),
  constraint event_names_are_named check (cardinality(event_names) >= 1 and cardinality(event_names) <= 100),
  constraint expires_after_creation check (expires_at > created_at),
  constraint id_is_12_hex_digits check (id ~ '^[0-9a-f]{12}$'),
  constraint name_is_short_text check (length(name) >= 1 and length(name) <= 255 and name !~ '[[:cntrl:]]'),
  constraint rate_is_positive check (rate > 0),
  constraint revoked_has_actor check ((revoked_at is null) = (revoked_by is null)),
  constraint scopes_are_known check (cardinality(scopes) > 0 and scopes <@ '{publish,read,configure,admin}'::text[]),
  constraint secret_is_sha256 check (octet_length(secret_sha256) = 32),
  constraint services_are_named check (cardinality(services) >= 1 and cardinality(services) <= 100),
  constraint teams_are_named check (cardinality(teams) >= 1 and cardinality(teams) <= 100),
  constraint tenants_are_named check (cardinality(tenants) >= 1 and cardinality(tenants) <= 100 and array_position(tenants, null::text) is null and (cardinality(tenants) = 1 or not tenants @> '{*}'::text[]))
);
create index api_key_by_age on api_key using btree (created_at desc, id desc);
create index api_key_by_maker on api_key using btree (substring(created_by, '^API key ([0-9a-f]{12}) \('));
create index api_key_by_tenant on api_key using gin (tenants);
create trigger api_key_may_only_be_revoked before delete or update on api_key for each row execute function refuse_change_of_key();
create trigger key_is_recorded after insert or update on api_key for each row execute function record_key();
create trigger refuses_truncate before truncate on api_key for each statement execute function refuse_change_of_log();

-- Every failed try to deliver, and every try by hand, with what the target said (secrets masked).
-- Partitioned and dropped as the log is.
create table attempt (
  tenant text not null,
  -- The moment of the try.
  position bigint not null,
  consumer text not null,
  run integer not null,
  -- The position of the event that was sent.
  event_position bigint not null,
  -- 1 for the first try of the stream; 0 for one by hand; of a skip, the last try before it.
  attempt integer not null,
  -- rejected (400; 413 if it is too large), refused (the target takes nothing more), unavailable
  -- (to be tried again), delivered (a rejected event, sent again by hand), skipped (by a person),
  -- or resent (an event of the log, sent again by hand and taken).
  outcome text not null,
  -- The status of HTTP; null if there was no answer.
  status integer,
  reason text not null,
  -- How the answer's body begins.
  response text,
  -- A key or a token, if it was sent by hand; null: the stream.
  actor text,
  constraint attempt_pkey primary key (tenant, consumer, run, position, event_position),
  constraint outcome_is_known check (outcome = any (array['rejected', 'refused', 'unavailable', 'delivered', 'skipped', 'resent']))
) partition by range (position);
create index attempt_by_event on attempt using btree (tenant, consumer, event_position);
create index attempt_by_time on attempt using btree (tenant, consumer, position);
create trigger refuses_truncate before truncate on attempt for each statement execute function refuse_change_of_log();

-- Every change of configuration and of status, for ever: the source of the tables that
-- configuration is read from. Update, delete and truncate are refused.
create table config_log (
  -- Whose configuration it is; * for a key of every tenant.
  tenant text not null,
  -- When it was changed, as a position of the log.
  position bigint not null,
  -- What was changed: a consumer, a job, a sender, a key or an event type.
  kind text not null,
  -- The id of what was changed, unique among all kinds: "erp-1", "subscription:crm",
  -- "projection:shop", "job:weekly", "sender:sendgrid", "key:0123456789ab",
  -- "event_type:order.created".
  id text not null,
  -- The version after the change, counted from 1 at each registration. An entry that keeps the
  -- version of the one before is a note: something happened, nothing was changed.
  version integer not null,
  -- What happened, such as integration_stopped or key_created.
  action text not null,
  -- The status after the change.
  status text not null,
  -- Who: a key, a token, or millrace itself.
  actor text not null,
  reason text not null,
  -- The whole configuration after the change, secrets sealed; null after a removal.
  document jsonb,
  -- The call that made the entry: if its answer is lost, it is sent again and recognised.
  attempt uuid default (nullif(current_setting('millrace.attempt', true), ''))::uuid,
  constraint config_log_pkey primary key (tenant, position),
  constraint document_is_kept check ( case when status <> 'removed' or kind = 'key' then document is not null else document is null or kind = 'job' end),
  constraint kind_is_known check (kind = any (array['integration', 'subscription', 'projection', 'job', 'sender', 'key', 'event_type'])),
  constraint status_is_known check (status = any (array['running', 'stopped', 'removed'])),
  constraint version_is_positive check (version > 0)
);
create index config_log_by_consumer on config_log using btree (tenant, id, position);
create index config_log_by_key on config_log using btree (id) where (id ~ '^key:');
create trigger change_is_alerted after insert on config_log for each row when (((new.kind = any (array['integration', 'subscription', 'job'])) and (new.action = any (array['integration_started', 'integration_stopped', 'integration_updated', 'integration_completed', 'integration_deleted', 'subscription_started', 'subscription_stopped', 'subscription_updated', 'replay_completed', 'replay_failed', 'replay_cancelled', 'events_expiring', 'events_expired', 'job_run_failed'])))) execute function alert_of_change();
create trigger config_log_is_immutable before delete or update on config_log for each row execute function refuse_change_of_log();
create trigger refuses_truncate before truncate on config_log for each statement execute function refuse_change_of_log();

-- What has a cursor on a tenant's log: an integration (webhook or files), a subscription (queue or
-- topic), a projection of our own. The newest document of each, as config_log has it.
create table consumer (
  tenant text not null,
  -- Its one name in all tables: "erp-1", "subscription:crm", "projection:shop".
  id text not null,
  -- The version of the document and status; a change names the one it saw.
  version integer not null,
  -- running or stopped. A running one may be interrupted: see cursor.attempts.
  status text not null,
  document jsonb not null,
  -- The position of its registration in config_log.
  created_position bigint not null,
  -- The position of its last change in config_log.
  changed_position bigint not null,
  kind text not null default 'integration',
  -- The position of the entry of config_log that stopped it; null while it runs.
  stopped_position bigint,
  constraint consumer_pkey primary key (tenant, id),
  constraint id_tells_kind check ( case kind when 'integration' then id ~ '^[a-z0-9-]{1,50}$' else id ~ (('^' || kind) || ':[A-Za-z0-9._~:-]{1,100}$') end),
  constraint kind_is_known check (kind = any (array['integration', 'subscription', 'projection'])),
  constraint status_is_known check (status = any (array['running', 'stopped']))
);
create index consumer_by_change on consumer using btree (changed_position);

-- How far a run of a consumer has come. Everything up to read_position is settled (delivered,
-- rejected, filtered out) but what stands in unresolved. owner, epoch and lease_until are the
-- lease: a worker whose write names another owner or epoch changes nothing.
create table cursor (
  tenant text not null,
  consumer text not null,
  -- 0: live. Above 0: a replay.
  run integer not null default 0,
  read_position bigint not null,
  -- Positions that were read and are not settled yet.
  unresolved bigint[] not null default '{}'::bigint[],
  -- How often the oldest unresolved event has failed in a row.
  attempts integer not null default 0,
  -- When it is tried again.
  retry_at timestamptz,
  -- The worker that has the lease, by its presence; null: nobody has it.
  owner uuid,
  -- Counts the leases.
  epoch bigint not null default 0,
  lease_until timestamptz,
  -- The last position that the run is to send; null: it follows the log.
  stop_position bigint,
  -- Until when a worker may take the lease of a stopped consumer, to write its last file.
  close_until timestamptz,
  -- When retry_at was written: if the clock is before that, it was set back, and retry_at means
  -- nothing.
  retry_set_at timestamptz,
  -- The version of the configuration under which it read what is unresolved (keep_window).
  version integer,
  -- Events that its steps have delivered since counted_after.
  delivered bigint not null default 0,
  -- Events that were rejected since then.
  rejected bigint not null default 0,
  -- Events that the filter did not take since then.
  filtered bigint not null default 0,
  -- Since when the counts count: its registration, or the migration that added them.
  counted_after bigint not null default ((extract(epoch from clock_timestamp()) * (1000000)::numeric))::bigint,
  -- Events that the current lease has delivered, by latency, as in receipt.
  latency_ms_histogram integer[] not null default '{}'::integer[],
  -- Whether the last alert of its state says that it is interrupted.
  alerted boolean not null default false,
  -- When its last interruption was alerted.
  interruption_alert_at timestamptz,
  -- When its last recovery was alerted.
  recovery_alert_at timestamptz,
  constraint cursor_pkey primary key (tenant, consumer, run),
  constraint attempts_is_not_negative check (attempts >= 0),
  constraint owner_has_lease check ((owner is null) = (lease_until is null)),
  constraint unresolved_is_bounded check (cardinality(unresolved) <= 500)
);
create index cursor_to_alert on cursor using btree (tenant, consumer, run) where ((attempts > 0) <> alerted);
create trigger stream_is_alerted before update of attempts on cursor for each row when (((new.attempts > 0) <> new.alerted)) execute function alert_of_stream();

-- The log: one immutable row an event, partitioned by UTC day. Update, delete and truncate are
-- refused; retention drops whole partitions.
create table event (
  -- The retailer whose event it is.
  tenant text not null,
  -- The place in the log: the microsecond of publication since 1970. Unique per tenant, and it
  -- grows in the order of commits. time_of(position) is published_at.
  position bigint not null,
  -- <entity>.<action>, such as order.created.
  name text not null,
  entity_id text not null,
  -- The publisher's own key; unique per tenant and name for as long as the log is kept.
  idempotency_key text not null,
  -- The publisher's team, by its own account.
  team text not null,
  -- The publisher's service, by its own account.
  service text not null,
  -- An object of order_id and customer_id, or empty.
  correlation_ids jsonb not null,
  -- The length of the payload, so that a page knows its size.
  payload_bytes integer not null,
  -- As it was published, to the byte. json, never jsonb: that would reorder keys and respell
  -- numbers.
  payload json not null,
  -- False: imported. The live streams of all consumers pass over it; replays send it.
  live boolean not null default true,
  -- The trace and the span in which it was published, as traceparent_of keeps it; null: none.
  traceparent text,
  constraint event_pkey primary key (tenant, position),
  constraint correlation_ids_is_object check (jsonb_typeof(correlation_ids) = 'object'),
  constraint entity_id_is_short_text check (length(entity_id) >= 1 and length(entity_id) <= 255 and entity_id !~ '[[:cntrl:]]'),
  constraint idempotency_key_is_short_text check (length(idempotency_key) >= 1 and length(idempotency_key) <= 255 and idempotency_key !~ '[[:cntrl:]]'),
  constraint name_is_entity_action check (length(name) <= 255 and name ~ '^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+$'),
  constraint payload_is_object check (json_typeof(payload) = 'object'),
  constraint service_is_short_text check (length(service) >= 1 and length(service) <= 255),
  constraint team_is_short_text check (length(team) >= 1 and length(team) <= 255),
  constraint tenant_is_a_word check (length(tenant) <= 63 and tenant ~ '^[A-Za-z0-9][A-Za-z0-9_-]*$') not valid,
  constraint traceparent_is_valid check (traceparent ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$') not valid
) partition by range (position);
create index event_by_id on event using gin (event_ids(tenant, entity_id, correlation_ids)) with (gin_pending_list_limit='65536');
create index event_in_order on event using btree (((position + 0)));
create trigger event_is_immutable before delete or update on event for each row execute function refuse_change_of_log();
create trigger refuses_truncate before truncate on event for each statement execute function refuse_change_of_log();

-- Finds an event by its idempotency key. Partitioned by thirty days, dropped with the events.
create table event_key (
  tenant text not null,
  -- event_key_hash(name, idempotency_key).
  key_hash bytea not null,
  -- The position of the event that has the key.
  position bigint not null,
  constraint key_hash_has_16_bytes check (octet_length(key_hash) = 16)
) partition by range (position);
create index event_key_by_fingerprint on event_key using btree (event_key_fingerprint(tenant, key_hash));
create trigger refuses_truncate before truncate on event_key for each statement execute function refuse_change_of_log();

-- The event names that a tenant has published, each with its last time. Read off the log, behind
-- it; a name outlives its events.
create table event_type (
  tenant text not null,
  name text collate "C" not null,
  last_position bigint not null,
  constraint event_type_pkey primary key (tenant, name)
);

-- How far the log of a tenant was read for event_type.
create table event_type_reader (
  tenant text not null,
  read_position bigint not null,
  constraint event_type_reader_pkey primary key (tenant)
);

-- The manifest: each file that an integration writes to S3, recorded before its upload begins and
-- finished in the transaction that moves the cursor. An open one is written again as it is here.
create table export_file (
  tenant text not null,
  -- The moment at which it was planned.
  position bigint not null,
  consumer text not null,
  run integer not null,
  -- The version of the configuration that it was planned by.
  version integer not null,
  -- The key of the object in the bucket.
  key text not null,
  -- It holds what the filter takes after this position …
  from_position bigint not null,
  -- The position of the first event in it.
  first_position bigint not null,
  -- … up to this one.
  to_position bigint not null,
  -- The filter that it was begun with.
  filter jsonb,
  compression text,
  -- The id of the multipart upload, so that it can be aborted.
  upload_id text,
  -- open: its upload is not finished, and repeats after a failure. finished: the object is there.
  -- abandoned: before that, its integration was removed, or started anew from now.
  state text not null default 'open',
  -- How many lines it has.
  events integer,
  -- The size of the object as it is stored.
  bytes bigint,
  -- The hash of the object as it is stored.
  sha256 bytea,
  -- The position of the last event in it.
  last_position bigint,
  finished_at timestamptz,
  constraint export_file_pkey primary key (tenant, consumer, position),
  constraint compression_is_known check (compression = 'gzip'),
  constraint finished_is_told check (state <> 'finished' or num_nonnulls(events, bytes, sha256, last_position, finished_at) = 5),
  constraint key_is_unique unique (tenant, key),
  constraint range_is_not_empty check (from_position < first_position and first_position <= to_position),
  constraint state_is_known check (state = any (array['open', 'finished', 'abandoned']))
);
create unique index export_file_open on export_file using btree (tenant, consumer, run) where (state = 'open');

-- The texts of sql/functions that were applied. One that is here is not applied again.
create table function_checksum (
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default now(),
  constraint function_checksum_pkey primary key (name, checksum)
);

-- The files of sql/migrations that were applied.
create table migration_checksum (
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default now(),
  constraint migration_checksum_pkey primary key (name)
);

-- The ledger of notifications: a row for each customer, item and occasion. Its key is why a notice
-- goes out once, whichever job tells it.
create table notice (
  tenant text not null,
  -- Why the customer is told: BACK_IN_STOCK, PRICE_DROP or WISHLIST_REMINDER.
  notification text not null,
  -- The position of the occasion in the log (a restock, a fall of the price); in a reminder, that
  -- of its run.
  position bigint not null,
  customer_id text not null,
  -- Empty in a reminder.
  item_id text not null,
  job_id text not null,
  run_id uuid not null,
  -- due: it has not left. sending: from just before the request until its answer. Then sent,
  -- rejected (400), withheld (nothing, or nobody, to tell), or unconfirmed (it may have left).
  -- capped: its customer has had enough mails; it is due again with the next run.
  state text not null default 'due',
  previous_price numeric,
  currency text,
  reason text,
  -- When its mail left, or may have left; the notices of one mail share it. Null: it has not.
  mailed_at timestamptz,
  constraint notice_pkey primary key (tenant, notification, position, customer_id, item_id),
  constraint state_is_known check (state = any (array['due', 'sending', 'sent', 'rejected', 'withheld', 'unconfirmed', 'capped'])) not valid
);
create index notice_capped on notice using btree (tenant, job_id) where (state = 'capped');
create index notice_mailed on notice using btree (tenant, customer_id, mailed_at) where (mailed_at is not null);
create index notice_open on notice using btree (tenant, job_id, customer_id) where (state = any (array['due', 'sending']));
create index notice_rejected on notice using btree (tenant, run_id, customer_id) where (state = 'rejected');

-- Jobs that mail a tenant's customers: the newest document of each, as config_log has it.
create table notification_job (
  tenant text not null,
  id text not null,
  version integer not null,
  document jsonb not null,
  -- The position of its creation in config_log.
  created_position bigint not null,
  -- The position of its last change in config_log.
  changed_position bigint not null,
  -- Where its last run ended: the next one looks at what the log has after it.
  through_position bigint not null,
  next_run_at timestamptz,
  owner uuid,
  -- Counts the leases, as a cursor's does.
  epoch bigint not null default 0,
  lease_until timestamptz,
  constraint notification_job_pkey primary key (tenant, id),
  constraint id_is_word check (id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$'),
  constraint notification_is_known check ((document ->> 'notification') = any (array['BACK_IN_STOCK', 'PRICE_DROP', 'WISHLIST_REMINDER'])),
  constraint owner_has_lease check ((owner is null) = (lease_until is null))
);
create index notification_job_by_age on notification_job using btree (tenant, created_position);
create index notification_job_due on notification_job using btree (next_run_at) where (next_run_at is not null);
create index notification_job_kept on notification_job using btree (tenant) where (not ((document ->> 'deleted'))::boolean);

-- Each run of a job, from when it was asked for. Counts are of customers, but for notices.
create table notification_run (
  tenant text not null,
  job_id text not null,
  id uuid not null default gen_random_uuid(),
  -- The moment at which it was asked for.
  position bigint not null,
  -- schedule: its time had come. manual: somebody asked for it.
  cause text not null,
  -- The time of the schedule that it is for.
  tick_at timestamptz,
  -- queued: it waits for a worker. running: it has begun. completed, failed: it is over.
  state text not null default 'queued',
  -- It looks at the log after this position …
  from_position bigint,
  -- … up to this one.
  to_position bigint,
  attempts integer not null default 0,
  -- When it goes on, after a failure.
  retry_at timestamptz,
  -- Customers who were to be told something.
  found integer not null default 0,
  sent integer not null default 0,
  -- Lines of the ledger that were sent.
  notices integer not null default 0,
  -- Customers whose mail was answered with 400.
  rejected integer not null default 0,
  -- Customers who had nothing to be told any more, or no address.
  withheld integer not null default 0,
  -- Customers whose mail left without an answer that is known.
  unconfirmed integer not null default 0,
  -- Why it failed.
  reason text,
  started_at timestamptz,
  finished_at timestamptz,
  -- When retry_at was written, as in cursor.
  retry_set_at timestamptz,
  -- Customers who have had enough mails: their notices wait for the next run.
  capped integer not null default 0,
  constraint notification_run_pkey primary key (tenant, job_id, id),
  constraint cause_is_known check (cause = any (array['schedule', 'manual'])),
  constraint failed_has_reason check (state <> 'failed' or reason is not null),
  constraint over_has_end check ((state = any (array['completed', 'failed'])) = (finished_at is not null)),
  constraint started_has_window check (state = 'queued' or num_nonnulls(started_at, from_position, to_position) = 3),
  constraint state_is_known check (state = any (array['queued', 'running', 'completed', 'failed'])),
  constraint tick_is_of_schedule check ((cause = 'schedule') = (tick_at is not null)),
  constraint tick_runs_once unique (tenant, job_id, tick_at)
);
create index notification_run_by_time on notification_run using btree (tenant, job_id, position);
create unique index notification_run_open on notification_run using btree (tenant, job_id) where (state = any (array['queued', 'running']));

-- What a tenant's mails are sent with; its key is sealed in the document. Tenants without a row use
-- what the operator has set.
create table notification_sender (
  tenant text not null,
  version integer not null,
  document jsonb not null,
  changed_position bigint not null,
  constraint notification_sender_pkey primary key (tenant)
);

-- What was delivered when: one row for each step of a cursor. Partitioned and dropped as the log
-- is.
create table receipt (
  tenant text not null,
  -- The moment of the step.
  position bigint not null,
  consumer text not null,
  run integer not null,
  -- The version of the consumer's configuration that the step went by.
  version integer not null,
  -- The step settled what was left after this position …
  from_position bigint not null,
  -- … up to this one.
  to_position bigint not null,
  delivered integer not null,
  rejected integer not null,
  -- Events that the filter did not take.
  filtered integer not null,
  -- Events by the time from publication to delivery: up to 1, 2, 4, 8, … ms; the last one: slower.
  latency_ms_histogram integer[] not null,
  constraint receipt_pkey primary key (tenant, consumer, run, position)
) partition by range (position);
create index receipt_by_end on receipt using btree (tenant, consumer, run, to_position);
create index receipt_of_window on receipt using btree (tenant, consumer, to_position) where (((delivered + rejected) + filtered) = 0);
create trigger refuses_truncate before truncate on receipt for each statement execute function refuse_change_of_log();

-- Event types that a tenant has registered: the newest document of each, as config_log has it.
create table registered_event_type (
  tenant text not null,
  -- The name of their events, such as order.created.
  name text collate "C" not null,
  -- The version of the document; a change names the one it saw. It never begins anew.
  version integer not null,
  -- schema, a JSON Schema for payloads; on_violation, reject or warn; description; deprecated.
  document jsonb not null,
  -- The position of its last change in config_log.
  changed_position bigint not null,
  constraint registered_event_type_pkey primary key (tenant, name),
  constraint document_has_schema check (jsonb_typeof(document -> 'schema') = 'object' and ((document ->> 'on_violation') = any (array['reject', 'warn']))),
  constraint name_is_entity_action check (length(name) <= 255 and name ~ '^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+$')
);

-- Events that a target answered with 400, or that somebody skipped: kept, past the retention of the
-- log too, until somebody sends them again or deletes them.
create table rejected_event (
  tenant text not null,
  consumer text not null,
  id uuid not null default gen_random_uuid(),
  -- The position of the event in the log.
  event_position bigint not null,
  name text not null,
  entity_id text not null,
  idempotency_key text not null,
  payload json not null,
  -- The status of HTTP; null if a skipped event had no answer.
  status integer,
  -- How the answer's body began (secrets masked); without an answer, why it failed.
  response text not null,
  rejected_at timestamptz not null default clock_timestamp(),
  -- The run of the cursor that met the rejection.
  run integer not null,
  -- rejected (by the target), or skipped (by a person, since it held up the stream).
  cause text not null default 'rejected',
  constraint rejected_event_pkey primary key (tenant, consumer, id),
  constraint cause_is_known check (cause = any (array['rejected', 'skipped'])),
  constraint rejected_once unique (tenant, consumer, event_position),
  constraint rejection_has_status check (cause = 'skipped' or status is not null)
);
create trigger run_is_named before insert on rejected_event for each row when ((new.run is null)) execute function name_run();

-- Replays of a consumer beside its live stream, kept for as long as their receipts. The newest of
-- an id stays, so that no number is used again.
create table replay (
  tenant text not null,
  -- The consumer that receives the events once more.
  consumer text not null,
  -- Counts the replays of an id; the run of its cursor, receipts and attempts. Never used again.
  number integer not null,
  -- The position of the entry of config_log that started it.
  started_position bigint not null,
  -- The first position that it may send.
  from_position bigint not null,
  -- The last position that it may send.
  to_position bigint not null,
  -- In place of the consumer's own filter; null: that one.
  filter_conditions jsonb,
  -- The most events a second; null: what the worker gives all replays.
  rate integer,
  -- queued: another replay of the consumer comes first. running: it has a cursor. completed,
  -- cancelled, failed: it has ended.
  state text not null,
  -- How it ends as soon as no worker holds its cursor; null: nobody has asked for an end.
  ends_as text,
  -- The events that its filter takes, counted at its start; null: not known.
  total bigint,
  -- Whether the total was estimated, since the range is too large to be counted at once.
  is_estimate boolean not null default false,
  -- The sum of its receipts; null before its end.
  delivered bigint,
  -- The sum of its receipts; null before its end.
  rejected bigint,
  -- The sum of its receipts; null before its end.
  filtered bigint,
  -- Everything up to here was settled when it ended.
  settled_position bigint,
  -- Who started it.
  actor text not null,
  -- Who ended it; millrace, if it came to its end by itself.
  ended_by text,
  -- Why it ended, or is about to.
  end_reason text,
  -- The position of the entry of config_log that ended it.
  ended_position bigint,
  constraint replay_pkey primary key (tenant, consumer, number),
  constraint end_is_known check (ends_as = any (array['cancelled', 'failed'])),
  constraint ended_is_told check ((state = any (array['queued', 'running'])) = (ended_position is null) and (ended_position is null or num_nulls(delivered, rejected, filtered, ended_by, end_reason) = 0)),
  constraint number_is_positive check (number > 0),
  constraint range_is_not_empty check (from_position <= to_position),
  constraint rate_is_positive check (rate > 0),
  constraint state_is_known check (state = any (array['queued', 'running', 'completed', 'cancelled', 'failed']))
);
create index replay_under_way on replay using btree (tenant, consumer, number) where (ended_position is null);

-- A known text, sealed with MILLRACE_SECRET_KEY at the first start: a start with another key is
-- refused. One row.
create table secret_key_check (
  -- Always true. As the primary key it allows one row.
  is_only boolean not null default true,
  sealed text not null,
  -- The same text under the key that is being rolled in, until rotate-secrets is done.
  sealed_next text,
  constraint secret_key_check_pkey primary key (is_only),
  constraint secret_key_check_is_only_check check (is_only)
);

-- A projection of customer events. In all tables shop_…, position is that of the event by which the
-- row was last changed; they are written with the cursor of projection:shop.
create table shop_customer (
  tenant text not null,
  customer_id text not null,
  email text,
  first_name text,
  last_name text,
  marketing_consent boolean,
  position bigint not null,
  constraint shop_customer_pkey primary key (tenant, customer_id)
);

-- A projection of price events.
create table shop_price (
  tenant text not null,
  price_id text not null,
  -- A variant, or a product that has none.
  item_id text not null,
  currency text not null,
  amount numeric not null,
  position bigint not null,
  constraint shop_price_pkey primary key (tenant, price_id)
);
create index shop_price_by_item on shop_price using btree (tenant, item_id);

-- Occasions: a price fell. Kept as long as events are.
create table shop_price_drop (
  tenant text not null,
  position bigint not null,
  item_id text not null,
  currency text not null,
  amount_before numeric not null,
  amount numeric not null,
  constraint shop_price_drop_pkey primary key (tenant, position, item_id, currency)
);

-- A projection of product events.
create table shop_product (
  tenant text not null,
  product_id text not null,
  name text,
  url text,
  image_url text,
  position bigint not null,
  constraint shop_product_pkey primary key (tenant, product_id)
);

-- Occasions: an item went from none to some in stock. Kept as long as events are.
create table shop_restock (
  tenant text not null,
  position bigint not null,
  item_id text not null,
  constraint shop_restock_pkey primary key (tenant, position, item_id)
);

-- A projection of inventory_level events.
create table shop_stock (
  tenant text not null,
  level_id text not null,
  item_id text not null,
  location_id text not null,
  -- 0 after a deletion, so that what comes back later is a restock.
  available numeric not null,
  position bigint not null,
  constraint shop_stock_pkey primary key (tenant, level_id)
);
create index shop_stock_by_item on shop_stock using btree (tenant, item_id) include (available);

-- Events of the shop that could not be read, and were skipped.
create table shop_unreadable (
  tenant text not null,
  position bigint not null,
  -- Which one of a bulk operation.
  entry integer not null,
  reason text not null,
  constraint shop_unreadable_pkey primary key (tenant, position, entry)
);

-- A projection of variant_product events.
create table shop_variant (
  tenant text not null,
  variant_id text not null,
  product_id text,
  name text,
  url text,
  image_url text,
  position bigint not null,
  constraint shop_variant_pkey primary key (tenant, variant_id)
);

-- A projection of wishlist events.
create table shop_wish (
  tenant text not null,
  wishlist_id text not null,
  item_id text not null,
  customer_id text not null,
  -- The position of the event that put the item on the list.
  position bigint not null,
  constraint shop_wish_pkey primary key (tenant, wishlist_id, item_id)
);
create index shop_wish_by_customer on shop_wish using btree (tenant, customer_id) include (item_id);
create index shop_wish_by_item on shop_wish using btree (tenant, item_id) include (customer_id, position);

-- The consumers that the configuration API may see.
create view integration as
 SELECT tenant,
    id,
    version,
    status,
    document,
    created_position,
    changed_position
   FROM consumer
  WHERE kind = 'integration'::text;

-- config_log as it may be shown: secrets are ***.
create view masked_config_log as
 SELECT tenant,
    "position",
    kind,
    id,
    version,
    action,
    status,
    actor,
    reason,
    regexp_replace(regexp_replace(
        CASE
            WHEN kind = 'key'::text THEN document || '{"secret_sha256": "***"}'::jsonb
            ELSE document
        END::text, '(?<!\\)"sealed:[^"\\]*"'::text, '"***"'::text, 'g'::text), '//([^/?#"\\]|\\.)*@'::text, '//***@'::text, 'g'::text)::jsonb AS document
   FROM config_log;

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

-- Appends the alert that a consumer keeps as many rejected events as it may: the next one stops it.
-- Called in the transaction that keeps the last one, after its rows.
create or replace function alert_rejected_limit(
  tenant text, consumer text, most_kept integer, latest_position bigint
) returns void
language sql as $$
  select append_alert(
    tenant, null, 'millrace.rejected_limit_reached', consumer,
    json_build_object(
      'kind', 'integration', 'id', consumer,
      'reason', format('The limit of %s rejected events is reached.', most_kept),
      'rejected_events', most_kept
    ),
    latest_position
  )
$$;

-- Appends an alert in the transaction of the change that it tells of, and returns its position. An
-- alert never fails that change: null says that it was not appended, and the server's log says why.
--
-- * at_position: that of the change's entry in the config log, which no other event has. Its caller
--   has the lane, and stores the position.
-- * at_position null: the alert takes the lane and its next position, after all rows that its
--   caller changes. A database clock beyond latest_position does not move the lane there, as in
--   next_position: the alert stands at that bound.
--
-- The worker wakes the consumers that take alerts, and logs this one. NOTIFY serializes commits;
-- alerts are too few for that to matter. append_event and its relatives have the same rules; here
-- the position makes the key new.
create or replace function append_alert(
  tenant text, at_position bigint, name text, entity_id text, payload json,
  latest_position bigint default null
) returns bigint
language plpgsql as $$
declare
  alert_position bigint := append_alert.at_position;
  new_key text;
begin
  if append_alert.at_position is null then
    perform next_position();
    alert_position := greatest(
      pg_sequence_last_value('lane_position') + 1,
      least(position_of(clock_timestamp()), append_alert.latest_position)
    );
  end if;
  new_key := append_alert.entity_id || ':' || alert_position;
  insert into event_key (tenant, key_hash, position)
  values (append_alert.tenant, event_key_hash(append_alert.name, new_key), alert_position);
  insert into event (
    tenant, position, name, entity_id, idempotency_key, team, service, correlation_ids,
    payload_bytes, payload
  ) values (
    append_alert.tenant, alert_position, append_alert.name, append_alert.entity_id, new_key,
    'millrace', 'millrace', '{}', octet_length(append_alert.payload::text), append_alert.payload
  );
  -- A step of a cursor commits without waiting for the disk; an alert is an event like any other.
  perform set_config('synchronous_commit', 'on', true)
  where current_setting('synchronous_commit') = 'off';
  perform pg_notify('millrace_alert', json_build_object(
    'tenant', append_alert.tenant, 'name', append_alert.name, 'id', append_alert.entity_id,
    'position', alert_position, 'reason', left(append_alert.payload ->> 'reason', 500)
  )::text);
  if append_alert.at_position is null then
    perform setval('lane_position', alert_position);
  end if;
  return alert_position;
exception when others then
  raise warning 'The alert % of % of tenant % was not appended: % (%)',
    append_alert.name, append_alert.entity_id, append_alert.tenant, sqlerrm, sqlstate;
  return null;
end
$$;

-- Appends collected events, with the outcomes of append_events. One rule differs: among collected
-- events an idempotency key is unique, whatever the event's name. So each event gets a second row
-- in event_key, under the name 'collected', which no event can have (it has no dot). The rule is
-- exact under races for the same reason as in append_events: a separate statement looks the keys up
-- after the lane is locked. The rule of the log also holds: if the gateway has used the key for the
-- same name, the same payload is a duplicate, and another payload is a reused key.
create or replace function append_collected(
  tenants text[], names text[], entity_ids text[], idempotency_keys text[],
  teams text[], services text[], correlation_ids text[], payloads text[],
  latest_position bigint default null, lives boolean[] default null,
  traceparents text[] default null
) returns table (outcome text, "position" bigint)
language plpgsql
-- As in append_events: every plan must probe keys by index.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  key_hashes bytea[];
  first_ordinals bigint[];
  known_positions bigint[];
  known_payloads text[];
  new_ordinals bigint[];
  new_outcomes text[];
  new_positions bigint[];
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'Events are appended in read committed transactions only, not in %.',
      current_setting('transaction_isolation')
      using errcode = 'MR002';
  end if;

  perform next_position(latest_position);

  with incoming as materialized (
    select
      batch.tenant,
      batch.ordinal,
      event_key_hash('collected', batch.idempotency_key) as key_hash
    from unnest(tenants, idempotency_keys) with ordinality
      as batch (tenant, idempotency_key, ordinal)
  ),
  numbered as materialized (
    select incoming.*, event_key_fingerprint(tenant, key_hash) as fingerprint
    from incoming
  ),
  told_apart as (
    select
      numbered.*,
      min(ordinal) over (partition by fingerprint, tenant, key_hash) as first_ordinal
    from numbered
  )
  select
    array_agg(told_apart.key_hash order by told_apart.ordinal),
    array_agg(told_apart.first_ordinal order by told_apart.ordinal),
    array_agg(known.position order by told_apart.ordinal),
    array_agg(known.payload order by told_apart.ordinal),
    array_agg(told_apart.ordinal order by told_apart.ordinal)
      filter (where known.position is null and told_apart.ordinal = told_apart.first_ordinal)
  into key_hashes, first_ordinals, known_positions, known_payloads, new_ordinals
  from told_apart
  left join lateral (
    select original.position, original.payload
    from (
      select max(event_key.position) as position
      from event_key
      where
        event_key_fingerprint(event_key.tenant, event_key.key_hash) = told_apart.fingerprint
        and event_key.tenant = told_apart.tenant
        and event_key.key_hash = told_apart.key_hash
    ) as latest
    -- A key whose event is gone is free again.
    cross join lateral (
      select event.position, event.payload::text as payload
      from event
      where event.tenant = told_apart.tenant and event.position = latest.position
      limit 1
    ) as original
  ) as known on true;

  if cardinality(new_ordinals) = cardinality(tenants) then
    select
      array_agg(appended.outcome order by ordinal),
      array_agg(appended.position order by ordinal)
    into new_outcomes, new_positions
    from append_events(
      tenants, names, entity_ids, idempotency_keys, teams, services, correlation_ids, payloads,
      latest_position, lives, traceparents
    ) with ordinality as appended (outcome, position, ordinal);
  elsif new_ordinals is not null then
    select
      array_agg(appended.outcome order by ordinal),
      array_agg(appended.position order by ordinal)
    into new_outcomes, new_positions
    from (
      select
        array_agg(batch.tenant order by batch.ordinal) as tenants,
        array_agg(batch.name order by batch.ordinal) as names,
        array_agg(batch.entity_id order by batch.ordinal) as entity_ids,
        array_agg(batch.idempotency_key order by batch.ordinal) as idempotency_keys,
        array_agg(batch.team order by batch.ordinal) as teams,
        array_agg(batch.service order by batch.ordinal) as services,
        array_agg(batch.correlation_ids order by batch.ordinal) as correlation_ids,
        array_agg(batch.payload order by batch.ordinal) as payloads,
        array_agg(coalesce(batch.live, true) order by batch.ordinal) as lives,
        array_agg(batch.traceparent order by batch.ordinal) as traceparents
      from unnest(
        tenants, names, entity_ids, idempotency_keys, teams, services, correlation_ids, payloads,
        lives, traceparents
      ) with ordinality as batch (
        tenant, name, entity_id, idempotency_key, team, service, correlation_ids, payload, live,
        traceparent, ordinal
      )
      join unnest(new_ordinals) as new_one (ordinal) on new_one.ordinal = batch.ordinal
    ) as remaining
    cross join lateral append_events(
      remaining.tenants, remaining.names, remaining.entity_ids, remaining.idempotency_keys,
      remaining.teams, remaining.services, remaining.correlation_ids, remaining.payloads,
      latest_position, remaining.lives, remaining.traceparents
    ) with ordinality as appended (outcome, position, ordinal);
  end if;

  insert into event_key (tenant, key_hash, position)
  select batch.tenant, batch.key_hash, new_one.position
  from unnest(tenants, key_hashes) with ordinality as batch (tenant, key_hash, ordinal)
  join unnest(new_ordinals, new_outcomes, new_positions) as new_one (ordinal, outcome, position)
    on new_one.ordinal = batch.ordinal
  where new_one.outcome <> 'key_reused';

  return query
  select
    case
      when batch.known_position is null
        and (batch.ordinal = batch.first_ordinal or first_one.outcome = 'key_reused')
        then first_one.outcome
      when coalesce(batch.known_payload, payloads[batch.first_ordinal]) = payloads[batch.ordinal]
        then 'duplicate'
      else 'key_reused'
    end,
    coalesce(batch.known_position, first_one.position)
  from unnest(first_ordinals, known_positions, known_payloads) with ordinality
    as batch (first_ordinal, known_position, known_payload, ordinal)
  left join unnest(new_ordinals, new_outcomes, new_positions)
    as first_one (ordinal, outcome, position) on first_one.ordinal = batch.first_ordinal
  order by batch.ordinal;
end
$$;

-- Appends one event, with the outcomes of append_events. A batch of one would pay for sorting,
-- windows and arrays, which only several events need; here a new event costs two statements. If its
-- key may be known, append_events decides: it compares the key itself and the payload.
--
-- As there, a first statement takes the lane, and a second one looks for the key and writes it: a
-- single statement would use its snapshot from before the wait for the lane.
create or replace function append_event(
  tenant text, name text, entity_id text, idempotency_key text, team text, service text,
  correlation_ids text, payload text, latest_position bigint default null,
  live boolean default true, traceparent text default null
) returns table (outcome text, "position" bigint)
language plpgsql
-- As in append_events: every plan must probe keys by index.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  first_free bigint;
  new_hash bytea := event_key_hash(append_event.name, append_event.idempotency_key);
  -- Computed once, not for each partition that is probed.
  new_fingerprint bigint := event_key_fingerprint(append_event.tenant, new_hash);
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'Events are appended in read committed transactions only, not in %.',
      current_setting('transaction_isolation')
      using errcode = 'MR002';
  end if;

  first_free := next_position(append_event.latest_position);

  insert into event_key (tenant, key_hash, position)
  select append_event.tenant, new_hash, first_free
  where not exists (
    select
    from event_key
    where event_key_fingerprint(event_key.tenant, event_key.key_hash) = new_fingerprint
  );

  if not found then
    return query
    select appended.outcome, appended.position
    from append_events(
      array[append_event.tenant], array[append_event.name], array[append_event.entity_id],
      array[append_event.idempotency_key], array[append_event.team], array[append_event.service],
      array[append_event.correlation_ids], array[append_event.payload],
      append_event.latest_position, array[append_event.live], array[append_event.traceparent]
    ) as appended;
    return;
  end if;

  insert into event (
    tenant, position, name, entity_id, idempotency_key, team, service, correlation_ids,
    payload_bytes, payload, live, traceparent
  ) values (
    append_event.tenant, first_free, append_event.name, append_event.entity_id,
    append_event.idempotency_key, append_event.team, append_event.service,
    append_event.correlation_ids::jsonb, octet_length(append_event.payload),
    append_event.payload::json, append_event.live, append_event.traceparent
  );

  outcome := 'appended';
  position := setval('lane_position', first_free);
  return next;
end
$$;

-- Appends events in the order of the arrays, which have the same length, and returns a row for
-- each, in that order. Outcomes: 'appended'; 'duplicate' (same key and payload, with the first
-- one's position); 'key_reused' (same key, another payload: nothing is appended). A separate
-- statement looks up the keys after the lock is held: a single statement would use its snapshot
-- from before the wait. That needs read committed, which is checked. `lives` says which events are
-- live; null: all of them. `traceparents` has their traces, '' for none; null: none has one.
--
-- Arrays are unnested in the select list: in FROM, each would be written into a store of its own
-- first. Only a batch with a key that may be known is compared key by key.
--
-- Its relatives append_event (one event) and append_collected (events of the collector) repeat its
-- rules: change all three together.
create or replace function append_events(
  tenants text[], names text[], entity_ids text[], idempotency_keys text[],
  teams text[], services text[], correlation_ids text[], payloads text[],
  latest_position bigint default null, lives boolean[] default null,
  traceparents text[] default null
) returns table (outcome text, "position" bigint)
language plpgsql
-- The plan is made once per connection, perhaps while the partitions are empty; it must always
-- probe keys by index.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  first_free bigint;
  may_repeat boolean;
  -- Null if all events are new, as nearly always.
  first_ordinals bigint[];
  known_positions bigint[];
  known_payloads text[];
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'Events are appended in read committed transactions only, not in %.',
      current_setting('transaction_isolation')
      using errcode = 'MR002';
  end if;

  first_free := next_position(latest_position);

  -- Fingerprints that differ from each other and from all known ones are those of new keys.
  with incoming as materialized (
    select event_key_fingerprint(batch.tenant, batch.key_hash) as fingerprint
    from (
      select
        unnest(tenants) as tenant,
        event_key_hash(unnest(names), unnest(idempotency_keys)) as key_hash
    ) as batch
  )
  select
    (select count(distinct fingerprint) < count(*) from incoming)
    or exists (
      select
      from incoming
      cross join lateral (
        select
        from event_key
        where event_key_fingerprint(event_key.tenant, event_key.key_hash) = incoming.fingerprint
        limit 1
      ) as known
    )
  into may_repeat;

  if may_repeat then
    with incoming as materialized (
      select batch.tenant, batch.ordinal, event_key_hash(batch.name, batch.key) as key_hash
      from unnest(tenants, names, idempotency_keys) with ordinality
        as batch (tenant, name, key, ordinal)
    ),
    numbered as materialized (
      select incoming.*, event_key_fingerprint(tenant, key_hash) as fingerprint
      from incoming
    ),
    -- The same key twice in one batch: the first one is the event, the others are its duplicates.
    told_apart as (
      select
        numbered.*,
        min(ordinal) over (partition by fingerprint, tenant, key_hash) as first_ordinal
      from numbered
    )
    select
      array_agg(told_apart.first_ordinal order by told_apart.ordinal),
      array_agg(original.position order by told_apart.ordinal),
      array_agg(original.payload order by told_apart.ordinal)
    into first_ordinals, known_positions, known_payloads
    from told_apart
    left join lateral (
      select max(event_key.position) as position
      from event_key
      where
        event_key_fingerprint(event_key.tenant, event_key.key_hash) = told_apart.fingerprint
        and event_key.tenant = told_apart.tenant
        and event_key.key_hash = told_apart.key_hash
    ) as latest on true
    -- A key whose event is gone is free again.
    left join lateral (
      select event.position, event.payload::text as payload
      from event
      where event.tenant = told_apart.tenant and event.position = latest.position
      limit 1
    ) as original on true;
  end if;

  insert into event (
    tenant, position, name, entity_id, idempotency_key, team, service, correlation_ids,
    payload_bytes, payload, live, traceparent
  )
  select
    batch.tenant, first_free + batch.ordinal - 1, batch.name, batch.entity_id,
    batch.idempotency_key, batch.team, batch.service, batch.correlation_ids::jsonb,
    octet_length(batch.payload), batch.payload::json, coalesce(batch.live, true),
    nullif(batch.traceparent, '')
  from (
    select
      unnest(tenants) as tenant, unnest(names) as name, unnest(entity_ids) as entity_id,
      unnest(idempotency_keys) as idempotency_key, unnest(teams) as team,
      unnest(services) as service, unnest(correlation_ids) as correlation_ids,
      unnest(payloads) as payload, unnest(lives) as live, unnest(traceparents) as traceparent,
      unnest(first_ordinals) as first_ordinal, unnest(known_positions) as known_position,
      generate_subscripts(tenants, 1) as ordinal
  ) as batch
  where
    batch.known_position is null
    and coalesce(batch.first_ordinal, batch.ordinal) = batch.ordinal;

  insert into event_key (tenant, key_hash, position)
  select
    batch.tenant, event_key_hash(batch.name, batch.idempotency_key),
    first_free + batch.ordinal - 1
  from (
    select
      unnest(tenants) as tenant, unnest(names) as name,
      unnest(idempotency_keys) as idempotency_key,
      unnest(first_ordinals) as first_ordinal, unnest(known_positions) as known_position,
      generate_subscripts(tenants, 1) as ordinal
  ) as batch
  where
    batch.known_position is null
    and coalesce(batch.first_ordinal, batch.ordinal) = batch.ordinal;

  perform setval('lane_position', first_free + cardinality(tenants) - 1);

  return query
  select
    case
      when batch.known_position is null and batch.first_ordinal = batch.ordinal then 'appended'
      -- Subscripts are evaluated for repeated keys only: each walks along the array.
      when coalesce(batch.known_payload, payloads[batch.first_ordinal]) = payloads[batch.ordinal]
        then 'duplicate'
      else 'key_reused'
    end,
    coalesce(batch.known_position, first_free + batch.first_ordinal - 1)
  from (
    select
      coalesce(told.first_ordinal, told.ordinal) as first_ordinal, told.ordinal,
      told.known_position, told.known_payload
    from (
      select
        unnest(first_ordinals) as first_ordinal, unnest(known_positions) as known_position,
        unnest(known_payloads) as known_payload,
        generate_subscripts(tenants, 1)::bigint as ordinal
    ) as told
  ) as batch
  order by batch.ordinal;
end
$$;

-- The filter that a run of a consumer went by: that of its configuration, as given, unless the run
-- is a replay with a filter of its own. The columns are those of configurations_of.
create or replace function applied_filter(
  tenant text, consumer text, run integer,
  names_given jsonb, entities_given jsonb, classes_given jsonb, takes_all_given boolean
) returns table (names jsonb, entities jsonb, classes jsonb, takes_all boolean)
language sql stable
as $$
  select
    case when own.conditions is null then $4 else own.conditions -> 'event_filter' end,
    case when own.conditions is null then $5 else own.conditions -> 'entity_filter' end,
    case when own.conditions is null then $6 end,
    $7 and own.conditions is null
  from (
    select (
      select replay.filter_conditions
      from replay
      where replay.tenant = $1 and replay.consumer = $2 and replay.number = $3
    ) as conditions
  ) as own
$$;

-- Begins the next queued replay of a consumer, unless one is running: two of them never run at the
-- same time. It gets a cursor; the sweep, or a wake-up, finds it. The caller has locked the
-- consumer.
create or replace function begin_replay(tenant text, consumer text) returns void
language sql as $$
  with next as (
    update replay r
    set state = 'running'
    where r.tenant = $1 and r.consumer = $2
      and r.number = (
        select min(q.number) from replay q
        where q.tenant = $1 and q.consumer = $2 and q.ended_position is null
      )
      and r.state = 'queued'
    returning r.*
  )
  insert into cursor (tenant, consumer, run, read_position, stop_position)
  select next.tenant, next.consumer, next.number, next.from_position - 1, next.to_position
  from next
$$;

-- Cancels a replay. A queued one ends at once; a running one when the worker that holds its cursor
-- has sent nothing more (finish_replay). Returns its state after that, 'cancelling' or 'failing' if
-- it is about to end; null if there is no such replay.
create or replace function cancel_replay(
  tenant text, consumer text, number integer, actor text, reason text,
  latest_position bigint default null
) returns text
language plpgsql as $$
#variable_conflict use_variable
begin
  perform lock_consumer(tenant, consumer);
  update replay r
  set ends_as = 'cancelled', ended_by = actor, end_reason = reason
  where r.tenant = tenant and r.consumer = consumer and r.number = number
    and r.ended_position is null and r.ends_as is null;
  return finish_replay(tenant, consumer, number, latest_position);
end
$$;

-- Cancels the replays of a consumer that is being removed. The caller has locked the consumer.
create or replace function cancel_replays(
  tenant text, consumer text, actor text, reason text, latest_position bigint
) returns void
language plpgsql as $$
#variable_conflict use_variable
declare
  endings replay[];
  ending replay;
begin
  -- The last ones first, so that none of them begins. All are counted before the lane is taken.
  select array_agg(count_replay(r.tenant, r.consumer, r.number) order by r.number desc)
  into endings
  from replay r
  where r.tenant = tenant and r.consumer = consumer and r.ended_position is null;
  foreach ending in array coalesce(endings, '{}') loop
    ending.state := 'cancelled';
    ending.ended_by := actor;
    ending.end_reason := reason;
    perform end_replay(ending, latest_position);
  end loop;
end
$$;

-- Changes a consumer: compare-and-set on its version. Returns the position of the change. Returns
-- null if the version is no longer expected_version, or if there is no such consumer. Returns 0 if
-- it would start, and max_running of its kind run already (null: no limit). Then nothing has
-- changed.
--
-- status: 'running', 'stopped' or 'removed'. document: null keeps the current one.
-- * A start forgets earlier attempts, so that the stream goes on at once with the same event. With
--   from_now it also forgets unsent events. That holds for the live run only: a replay has its own
--   dates and goes on from where it stopped.
-- * A stop gives an open file 30 seconds to be closed, unless the store is failing already. The
--   position of the stop stays until the next start, whatever else changes.
-- * A removal cancels the replays, deletes the cursors and abandons the open file. Rejected events
--   stay until their retention ends (retire_rejected) or the id is used again.
create or replace function change_consumer(
  tenant text, id text, expected_version integer, status text, action text, actor text,
  reason text, document jsonb, from_now boolean,
  latest_position bigint default null, max_running integer default null
) returns bigint
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint;
  changed consumer := lock_consumer(tenant, id);
begin
  if changed.version is distinct from expected_version then
    return null;
  end if;
  if status = 'removed' or from_now then
    perform keep_window(tenant, id, c.run, null)
    from cursor c
    where c.tenant = tenant and c.consumer = id;
  end if;
  if status = 'removed' then
    perform cancel_replays(
      tenant, id, actor, format('The %s was removed.', changed.kind), latest_position
    );
  end if;
  change_position := next_position(latest_position);
  -- While the lane is locked, nobody else can start one.
  if status = 'running' and changed.status = 'stopped' and max_running <= (
    select count(*) from consumer c
    where c.tenant = tenant and c.kind = changed.kind and c.status = 'running'
  ) then
    return 0;
  end if;
  update consumer c
  set status = case when status = 'removed' then 'stopped' else status end,
    version = c.version + 1,
    document = coalesce(document, c.document),
    changed_position = change_position,
    stopped_position = case
      when status = 'running' then null
      when c.status = 'stopped' then coalesce(c.stopped_position, c.changed_position)
      else change_position
    end
  where c.tenant = tenant and c.id = id
  returning c.* into changed;
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  ) values (
    tenant, change_position, changed.kind, id, changed.version, action, status, actor, reason,
    case when status = 'removed' then null else changed.document end
  );
  if status = 'running' then
    update cursor c
    set attempts = 0,
      retry_at = null,
      close_until = null,
      read_position =
        case when from_now and c.run = 0 then change_position else c.read_position end,
      unresolved = case when from_now and c.run = 0 then '{}' else c.unresolved end
    where c.tenant = tenant and c.consumer = id;
  elsif action = 'integration_stopped' and changed.document ? 's3_parameters' then
    update cursor c
    set close_until = clock_timestamp() + interval '30 seconds'
    where c.tenant = tenant and c.consumer = id and c.attempts = 0;
  elsif status = 'removed' then
    delete from consumer c where c.tenant = tenant and c.id = id;
    delete from cursor c where c.tenant = tenant and c.consumer = id;
  end if;
  if status = 'removed' or from_now then
    update export_file f
    set state = 'abandoned'
    where f.tenant = tenant and f.consumer = id and f.state = 'open'
      and (status = 'removed' or f.run = 0);
  end if;
  perform setval('lane_position', change_position);
  return change_position;
end
$$;

-- Registers an event type, or changes or removes (document null) what is registered. Outcomes, each
-- with the version after it:
-- * 'changed', and 'unchanged' if it has this document already
-- * 'changed_meanwhile': its version is not expected_version (null: any; 0: it is not registered)
-- * 'absent': there is nothing to remove
-- * 'too_many', 'too_large': the tenant would have more than most_types types, or most_bytes bytes
-- An attempt that has been made already is recognised (change_of_attempt).
create or replace function change_event_type(
  tenant text, name text, document jsonb, actor text, reason text, attempt uuid,
  expected_version integer, latest_position bigint, most_types integer, most_bytes bigint
) returns table (outcome text, version integer)
language plpgsql as $$
#variable_conflict use_variable
declare
  log_id text := 'event_type:' || name;
  made_position bigint := change_of_attempt(tenant, log_id, attempt);
  change_position bigint;
  stored registered_event_type;
  others record;
begin
  if made_position is not null then
    return query
    select 'changed', c.version
    from config_log c
    where c.tenant = tenant and c.position = made_position;
    return;
  end if;
  -- The row may not exist yet, and the bounds look at all rows of the tenant. This lock puts
  -- changes of one tenant's types in order before one of them takes the lane.
  perform pg_advisory_xact_lock(hashtextextended('event_type:' || tenant, 0));
  select r.* into stored
  from registered_event_type r
  where r.tenant = tenant and r.name = name
  for update;
  if coalesce(stored.version, 0) <> expected_version then
    return query select 'changed_meanwhile', stored.version;
    return;
  elsif document is null and stored.version is null then
    return query select 'absent', null::integer;
    return;
  elsif document = stored.document then
    return query select 'unchanged', stored.version;
    return;
  end if;
  if document is not null then
    select count(*) as types, coalesce(sum(octet_length(r.document::text)), 0) as bytes into others
    from registered_event_type r
    where r.tenant = tenant and r.name <> name;
    if others.types >= most_types then
      return query select 'too_many', stored.version;
      return;
    elsif others.bytes + octet_length(document::text) > most_bytes then
      return query select 'too_large', stored.version;
      return;
    end if;
  end if;
  version := 1 + coalesce((
    select max(c.version) from config_log c where c.tenant = tenant and c.id = log_id
  ), 0);
  change_position := next_position(latest_position);
  if document is null then
    delete from registered_event_type r where r.tenant = tenant and r.name = name;
  else
    insert into registered_event_type as r (tenant, name, version, document, changed_position)
    values (tenant, name, version, document, change_position)
    on conflict on constraint registered_event_type_pkey do update
    set version = excluded.version, document = excluded.document,
      changed_position = excluded.changed_position;
  end if;
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  ) values (
    tenant, change_position, 'event_type', log_id, version,
    case
      when document is null then 'event_type_removed'
      when stored.version is null then 'event_type_registered'
      else 'event_type_changed'
    end,
    case when document is null then 'removed' else 'running' end, actor, reason, document
  );
  perform setval('lane_position', change_position);
  outcome := 'changed';
  return next;
end
$$;

-- Changes a job: compare-and-set on its version (0: the job must not exist yet). Returns the
-- position of the change. Returns null if the version is no longer expected_version, and 0 if the
-- tenant already has max_count jobs that are not deleted. Then nothing has changed. A tenant's
-- first job starts the projections of its shop, from the start of the retained log. A new job looks
-- at events after its own creation.
create or replace function change_notification_job(
  tenant text, id text, expected_version integer, document jsonb, action text, actor text,
  reason text, next_run_at timestamptz,
  latest_position bigint default null, max_count integer default null
) returns bigint
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint;
  changed notification_job;
  was_kept boolean := false;
  shop_filter jsonb := '{"filter_conditions": {"entity_filter":
    ["customer", "wishlist", "product", "variant_product", "price", "inventory_level"]}}';
  status text := case
    when (document ->> 'deleted')::boolean then 'removed'
    when (document ->> 'is_active')::boolean and (document ->> 'is_scheduled')::boolean
      then 'running'
    else 'stopped'
  end;
begin
  if expected_version > 0 then
    select not (j.document ->> 'deleted')::boolean into was_kept
    from notification_job j
    where j.tenant = tenant and j.id = id and j.version = expected_version
    for update;
    if not found then
      return null;
    end if;
  end if;
  if status <> 'removed' and not was_kept then
    -- New jobs of a tenant wait for each other here, so that the count is exact.
    perform pg_advisory_xact_lock(hashtextextended('job:' || tenant, 0));
    if max_count <= (
      select count(*) from notification_job j
      where j.tenant = tenant and not (j.document ->> 'deleted')::boolean
    ) then
      return 0;
    end if;
  end if;
  if not exists (select from consumer c where c.tenant = tenant and c.id = 'projection:shop') then
    perform register_consumer(
      tenant, 'projection', 'projection:shop', shop_filter, 'running', 'projection_started',
      'millrace', 'The first notification job needs it.', 0, null, 1, latest_position
    );
  end if;
  change_position := next_position(latest_position);
  if expected_version = 0 then
    insert into notification_job as j (
      tenant, id, version, document, created_position, changed_position, through_position,
      next_run_at
    ) values (
      tenant, id, 1, document, change_position, change_position, change_position, next_run_at
    )
    on conflict do nothing
    returning j.* into changed;
  else
    update notification_job j
    set version = j.version + 1,
      document = document,
      changed_position = change_position,
      next_run_at = next_run_at
    where j.tenant = tenant and j.id = id
    returning j.* into changed;
  end if;
  if changed.id is null then
    return null;
  end if;
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  ) values (
    tenant, change_position, 'job', 'job:' || id, changed.version, action, status, actor, reason,
    document
  );
  perform setval('lane_position', change_position);
  return change_position;
end
$$;

-- Changes a tenant's sender (document null: removes it). Returns whether anything changed. Returns
-- null, and changes nothing, if its version is not expected_version (null: any version).
create or replace function change_notification_sender(
  tenant text, document jsonb, actor text, reason text,
  latest_position bigint default null, expected_version integer default null
) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint;
  changed_version integer;
begin
  -- The row may not exist yet, and then there is nothing to lock. This lock puts changes of one
  -- tenant's sender in order before one of them takes the lane.
  perform pg_advisory_xact_lock(hashtextextended('sender:' || tenant, 0));
  select s.version into changed_version
  from notification_sender s
  where s.tenant = tenant
  for update;
  if changed_version <> expected_version or (changed_version is null and expected_version > 0) then
    return null;
  end if;
  change_position := next_position(latest_position);
  changed_version := null;
  if document is null then
    delete from notification_sender s where s.tenant = tenant returning s.version + 1
    into changed_version;
  else
    insert into notification_sender as s (tenant, version, document, changed_position)
    values (
      tenant,
      1 + coalesce((
        select max(c.version) from config_log c
        where c.tenant = tenant and c.id = 'sender:sendgrid'
      ), 0),
      document, change_position
    )
    on conflict on constraint notification_sender_pkey do update
    set version = s.version + 1, document = excluded.document, changed_position = change_position
    returning s.version into changed_version;
  end if;
  if changed_version is null then
    return false;
  end if;
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  ) values (
    tenant, change_position, 'sender', 'sender:sendgrid', changed_version,
    case when document is null then 'sender_removed' else 'sender_changed' end,
    case when document is null then 'removed' else 'running' end, actor, reason, document
  );
  perform setval('lane_position', change_position);
  return true;
end
$$;

-- Returns the position of the change that this attempt has already made of (tenant, id). Null: it
-- has made none, and what this transaction changes from here on belongs to the attempt. The lock on
-- the attempt is held to the end of the transaction. A resend therefore waits for the first
-- sending, which may still run on another connection. (It does not take the lane: rows are locked
-- first, see next_position.)
create or replace function change_of_attempt(tenant text, id text, attempt uuid) returns bigint
language plpgsql as $$
#variable_conflict use_variable
begin
  perform pg_advisory_xact_lock(hashtextextended(attempt::text, 0));
  perform set_config('millrace.attempt', attempt::text, true);
  return (
    select max(c.position) from config_log c
    where c.tenant = tenant and c.id = id and c.attempt = attempt
  );
end
$$;

-- Ends a replay that has sent everything up to its stop_position; returns whether it did. The lane
-- makes this exact: next_position waits for every append under way. So any event that can still get
-- a position up to the stop is visible to the next statement.
--
-- A replay beside the live stream of a consumer ends (end_replay). If the run is the one that a
-- temporary integration was registered with, the integration completes. It does not complete while
-- another run of it is under way, or while it keeps rejected events. With rejected events it stops,
-- and removing the last of them calls this function again. Both callers lock the consumer, so one
-- of them sees what the other did.
create or replace function complete_replay(
  tenant text, consumer text, run integer, latest_position bigint default null
) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  life consumer := lock_consumer(tenant, consumer);
  ending replay := count_replay(tenant, consumer, run);
  life_before bigint;
  is_own boolean;
  change_position bigint;
  ended record;
  receipts record;
  taken_later bigint;
  rejected_left bigint;
  summary text;
begin
  -- Records after the end of the previous life belong to this one. (Not records after its
  -- registration: if the clock was set back, that position may be ahead of them.)
  select coalesce(max(l.position), 0) into life_before
  from config_log l
  where l.tenant = tenant and l.id = consumer and l.status = 'removed';
  -- Read before the lane is taken: the lock of the cursor keeps these numbers as they are.
  select coalesce(sum(r.delivered), 0) as delivered, coalesce(sum(r.rejected), 0) as rejected
  into receipts
  from receipt r
  where r.tenant = tenant and r.consumer = consumer and r.run = run
    and r.position > life_before;
  select count(distinct a.event_position) into taken_later
  from attempt a
  where a.tenant = tenant and a.consumer = consumer and a.run = run
    and a.position > life_before and a.outcome = 'delivered';
  select count(*) into rejected_left
  from rejected_event r
  where r.tenant = tenant and r.consumer = consumer;
  is_own := coalesce(
    life.document ->> 'integration_type' = 'temporary' and run = (
      select min(c.run) from cursor c where c.tenant = tenant and c.consumer = consumer
    ),
    false
  );
  change_position := next_position(latest_position);
  select c.* into ended
  from cursor c
  where c.tenant = tenant and c.consumer = consumer and c.run = run
    and c.stop_position < change_position
    and not (is_own and exists (
      select from cursor o where o.tenant = tenant and o.consumer = consumer and o.run > run
    ))
    and c.unresolved = '{}'
    and not exists (
      select from event e
      where e.tenant = tenant and e.position > c.read_position and e.position <= c.stop_position
    );
  if ended.consumer is null then
    return false;
  end if;
  summary := format('Everything up to %s was sent: %s delivered, %s rejected%s.',
    told_time(ended.stop_position), receipts.delivered, receipts.rejected,
    case when taken_later > 0 then format(' (%s of them taken later)', taken_later) end);
  if ending.number is not null then
    ending.state := 'completed';
    ending.ended_by := 'millrace';
    ending.end_reason := summary;
    ending.settled_position := ended.stop_position;
    perform end_replay(ending, latest_position);
  elsif not is_own then
    -- A process older than 0033 has added it, without a record.
    delete from cursor c where c.tenant = tenant and c.consumer = consumer and c.run = run;
    perform note_consumer(
      tenant, consumer, 'replay_completed', 'millrace',
      format('Replay %s: %s%s', run, lower(left(summary, 1)), substr(summary, 2)), latest_position
    );
  elsif rejected_left = 0 then
    perform change_consumer(
      tenant, consumer, life.version, 'removed', 'integration_completed', 'millrace', summary,
      null, false, latest_position
    );
  elsif life.status = 'running' then
    perform change_consumer(
      tenant, consumer, life.version, 'stopped', 'integration_stopped', 'millrace',
      format('%s %s rejected event(s) are kept; '
        'it completes when the last one is retried or deleted.',
        summary, rejected_left),
      null, false, latest_position
    );
    return false;
  else
    return false;
  end if;
  return true;
end
$$;

-- Completes a replay that has stopped at its end and waits only for its rejected events; returns
-- whether it did. Callers that remove a rejected event call it in the same transaction, after
-- locking the consumer: so they see what a concurrent completion has changed. Workers call it for
-- rejected events that others have removed.
create or replace function complete_waiting(
  tenant text, consumer text, latest_position bigint
) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  own_run integer;
begin
  select min(c.run) into own_run
  from consumer k
  join cursor c on c.tenant = k.tenant and c.consumer = k.id
  where k.tenant = tenant and k.id = consumer and k.status = 'stopped'
    and k.document ->> 'integration_type' = 'temporary';
  return own_run is not null and complete_replay(tenant, consumer, own_run, latest_position);
end
$$;

-- The changes of a tenant's configuration, from the position `first` on and before `ended`: not the
-- notes, which keep the version. Null for of_ids, of_kind and of_actor: any. previous_position: the
-- entry before, which has the configuration before the change. A key for every tenant ('*') counts
-- for each of them. An auditor may call it: it reads the masked log.
--
-- Postgres inlines it into the calling query. So `order by position` with a limit reads the log
-- from that end, with one look at an index for each entry.
create or replace function config_changes(
  of_tenant text, first bigint, ended bigint, of_ids text[], of_kind text, of_actor text
)
returns table (
  tenant text, "position" bigint, previous_position bigint, kind text, id text, version integer,
  action text, status text, actor text, reason text
)
language sql stable
as $$
select
  entry.tenant, entry.position, previous.position, entry.kind, entry.id, entry.version,
  entry.action, entry.status, entry.actor, entry.reason
from (
  select tenant, position, kind, id, version, action, status, actor, reason
  from masked_config_log
  where tenant = $1
  union all
  select tenant, position, kind, id, version, action, status, actor, reason
  from masked_config_log
  where tenant = '*' and kind = 'key'
) as entry
left join lateral (
  select log.position, log.version
  from masked_config_log as log
  where log.tenant = entry.tenant and log.id = entry.id and log.position < entry.position
  order by log.position desc
  limit 1
) as previous on true
where entry.position >= $2 and entry.position < $3
  and (entry.id = any ($4) or $4 is null)
  and (entry.kind = $5 or $5 is null)
  and (entry.actor = $6 or $6 is null)
  and entry.version is distinct from previous.version
$$;

-- The configurations of a consumer, the newest entry of each version: what it filters, and from
-- which position to which it was valid. `registers`: with it a life begins. An id that was removed
-- and registered again counts its versions from 1 again. This function reads the masked log, so an
-- auditor may call it.
create or replace function configurations_of(tenant text, consumer text)
returns table (
  "position" bigint, version integer, status text, previous_status text, actor text, reason text,
  document jsonb, names jsonb, entities jsonb, classes jsonb, takes_all boolean, valid_from bigint,
  valid_to bigint, registers boolean
)
language sql stable
as $$
select
  position, version, status, previous_status, actor, reason, document,
  filter.names, filter.entities, filter.classes, filter.takes_all,
  case when lag(position) over same_version is null then 0 else position end as valid_from,
  coalesce(lead(position) over same_version, 9223372036854775807) as valid_to,
  status <> 'removed' and coalesce(previous_status, 'removed') = 'removed' as registers
from (
  select
    *,
    lag(version) over (order by position) as previous_version,
    lag(status) over (order by position) as previous_status
  from masked_config_log
  where tenant = $1 and id = $2
) as entry
cross join lateral document_filter(kind, document) as filter
-- An entry that keeps the version is a note: it changes nothing.
where version is distinct from previous_version
window same_version as (partition by version order by position)
$$;

-- The change that gave something its configuration of a moment: its newest one up to the position
-- `until`. No row if there was none, if that one removed it, or if it is a key that had expired.
-- An auditor may call it: it reads the masked log.
create or replace function configured_at(of_tenant text, of_id text, until bigint)
returns table (
  tenant text, "position" bigint, kind text, id text, version integer, status text, actor text,
  reason text, document jsonb
)
language sql stable
as $$
select tenant, position, kind, id, version, status, actor, reason, document
from (
  select *
  from masked_config_log
  where tenant = $1 and id = $2 and position <= $3
    -- Entries that keep the version are notes. The change is the first of them all.
    and position > coalesce((
      select log.position
      from masked_config_log as log
      where log.tenant = $1 and log.id = $2 and log.position <= $3
        and log.version <> (
          select newest.version
          from masked_config_log as newest
          where newest.tenant = $1 and newest.id = $2 and newest.position <= $3
          order by newest.position desc
          limit 1
        )
      order by log.position desc
      limit 1
    ), -1)
  order by position
  limit 1
) as change
where status <> 'removed'
  -- A key expires without an entry.
  and not (
    kind = 'key'
    and coalesce((document ->> 'expires_at')::timestamptz <= time_of($3), false)
  )
$$;

-- The evidence for the health of a tenant's consumers of one kind, or of one of them (null: all):
-- by their own cursor, which is that of the lowest run.
-- * stopped: since when, by whom and why.
-- * failing: since when, how often, the last failure, and when it is tried again.
-- * behind: the oldest unsettled event is older than late_after, and no file is planned for it.
--   How many events it has yet to deliver, among those that it has read and the next 1000;
--   more_behind: the log goes on after them. A replay is never behind: its events are old.
-- * ok: none of these.
-- filtered_all: if its filter has never taken an event, how many it has passed over since its last
--   change, among the newest 1000: an import may have any number. Alerts and imported events do not
--   count: it is not the filter that passes over these. Null if there is none.
-- is_held: a worker has not released the consumer yet, or closes its file. So the requests of a
-- stopped one that have left are still being answered.
-- failing_position is the event that holds up the stream (failing_event), of a stopped one, too.
create or replace function consumer_health(
  of_tenant text, of_kind text, of_consumer text, late_after interval
)
returns table (
  consumer text, state text, since bigint, actor text, reason text, response text,
  failing_position bigint, name text, entity_id text, tries integer, retry_at timestamptz,
  events_behind integer, more_behind boolean, filtered_all integer, is_held boolean
)
language sql stable
as $$
with late as (
  -- The newest event that should have been settled by now: one question for all consumers. As a
  -- subquery, the clock is read once, and bounds the index: else every newer event is looked at.
  select position
  from event
  where tenant = $1 and position <= (select position_of(clock_timestamp() - $4))
  order by position desc
  limit 1
),
own as (
  select
    consumer.id, coalesce(consumer.stopped_position, consumer.changed_position) as stopped_position,
    cursor.run, cursor.attempts, cursor.read_position, cursor.unresolved,
    case when cursor.attempts > 0 and consumer.status = 'running' then cursor.retry_at end
      as retry_at,
    consumer.changed_position,
    filter.names, filter.entities, filter.classes, filter.takes_all,
    cursor.delivered + cursor.rejected = 0 and cursor.filtered > 0 and not filter.takes_all
      as took_none,
    case
      when consumer.status = 'stopped' then 'stopped'
      when cursor.attempts > 0 then 'failing'
      when cursor.stop_position is null
        and coalesce(cursor.unresolved[1] - 1, cursor.read_position) < late.position
        and coalesce(cursor.retry_at < clock_timestamp() - $4, true) then 'behind'
      else 'ok'
    end as state
  from consumer
  join lateral (
    select * from cursor
    where cursor.tenant = consumer.tenant and cursor.consumer = consumer.id
    order by run
    limit 1
  ) as cursor on true
  left join late on true
  cross join lateral document_filter(consumer.kind, consumer.document) as filter
  where consumer.tenant = $1 and consumer.kind = $2 and (consumer.id = $3 or $3 is null)
)
select
  own.id, own.state,
  case own.state
    when 'stopped' then own.stopped_position
    when 'failing' then coalesce(first_failure.position, last_failure.position)
    when 'behind' then oldest.position
  end,
  stop.actor,
  coalesce(stop.reason, last_failure.reason), last_failure.response,
  failing.position, failing_one.name, failing_one.entity_id,
  own.attempts, own.retry_at,
  behind.events, behind.goes_on,
  nullif(passed_over.events, 0),
  exists (
    select from cursor
    where cursor.tenant = $1 and cursor.consumer = own.id
      and (is_held(cursor.lease_until) or is_held(cursor.close_until))
  )
from own
left join config_log as stop
  on own.state = 'stopped' and stop.tenant = $1 and stop.position = own.stopped_position
left join lateral (
  select failing_event($1, own.id, own.run) as position
  where own.state in ('stopped', 'failing') and own.unresolved <> '{}'
) as failing on true
left join event as failing_one
  on failing_one.tenant = $1 and failing_one.position = failing.position
left join lateral (
  select attempt.position, attempt.reason, attempt.response
  from attempt
  where own.state = 'failing'
    and attempt.tenant = $1 and attempt.consumer = own.id and attempt.run = own.run
    and attempt.attempt > 0 and attempt.outcome = 'unavailable'
  order by attempt.position desc
  limit 1
) as last_failure on true
-- Consecutive attempts count from 1.
left join lateral (
  select attempt.position
  from attempt
  where attempt.tenant = $1 and attempt.consumer = own.id and attempt.run = own.run
    and attempt.attempt = 1 and attempt.outcome = 'unavailable'
    and attempt.position <= last_failure.position
  order by attempt.position desc
  limit 1
) as first_failure on true
left join lateral (
  select coalesce(own.unresolved[1], (
    select event.position
    from event
    where event.tenant = $1 and event.position > own.read_position
    order by event.position
    limit 1
  )) as position
  where own.state = 'behind'
) as oldest on true
left join lateral (
  select
    cardinality(own.unresolved) + count(*) filter (
      where unread.live and takes_event(
        own.takes_all, own.names, own.entities, own.classes, unread.name, unread.entity_id, own.id
      )
    )::integer as events,
    count(*) = 1000 as goes_on
  from (
    select event.name, event.entity_id, event.live
    from event
    where event.tenant = $1 and event.position > own.read_position
    order by event.position
    limit 1000
  ) as unread
  where own.state = 'behind'
) as behind on true
left join lateral (
  select
    count(*) filter (where newest.live and newest.name not like 'millrace.%')::integer as events
  from (
    select event.live, event.name
    from event
    where event.tenant = $1
      and event.position > own.changed_position and event.position <= own.read_position
    order by event.position desc
    limit 1000
  ) as newest
  where own.state = 'ok' and own.took_none
) as passed_over on true
order by own.id
$$;

-- The lives of a consumer. An id that was removed and registered again has had more than one. A
-- life spans the log from `registered` to `ended` (null: it goes on). The receipts, attempts and
-- entries with a position in that span belong to it. `ending` is the action that ended it;
-- `document` is its last one, without secrets. A null argument means all tenants or all consumers.
create or replace function consumer_lives(of_tenant text, of_consumer text)
returns table (
  tenant text, id text, kind text, registered bigint, ended bigint, ending text, document jsonb
)
language sql stable
as $$
with entry as (
  select
    *, status <> 'removed' and coalesce(lag(status) over log, 'removed') = 'removed' as registers
  from masked_config_log
  where (of_tenant is null or tenant = of_tenant)
    and (of_consumer is null or id = of_consumer)
    and kind in ('integration', 'subscription', 'projection')
  window log as (partition by tenant, id order by position)
),
numbered as (
  select *, count(*) filter (where registers) over log as life
  from entry
  window log as (partition by tenant, id order by position)
)
select
  tenant, id, min(kind), min(position),
  -- Entries after a removal are notes.
  min(position) filter (where status = 'removed'),
  (array_agg(action order by position) filter (where status = 'removed'))[1],
  (array_agg(document order by position desc) filter (where document is not null))[1]
from numbered
group by tenant, id, life
$$;

-- The record of a replay that is about to end, with what it has settled so far. It reads receipts,
-- so it is called before the lane is taken; the lock of the cursor keeps these numbers as they are.
-- All null if there is no such replay under way.
create or replace function count_replay(tenant text, consumer text, number integer)
returns replay
language plpgsql as $$
#variable_conflict use_variable
declare
  ending replay;
begin
  select r.* into ending
  from replay r
  where r.tenant = tenant and r.consumer = consumer and r.number = number
    and r.ended_position is null;
  if ending.number is null then
    return ending;
  end if;
  select done.delivered, done.rejected, done.filtered
  into ending.delivered, ending.rejected, ending.filtered
  from replay_counts(tenant, consumer, number) as done;
  select coalesce(c.unresolved[1] - 1, c.read_position) into ending.settled_position
  from cursor c
  where c.tenant = tenant and c.consumer = consumer and c.run = number;
  return ending;
end
$$;

-- Stores an API key. Outcomes: 'created', also if this very key is stored already (the call was
-- repeated); 'maker_ended': the key that makes it (see created_by) is revoked or has expired;
-- 'past': expires_at is not in the future; 'full': one of its tenants has max_count active keys.
--
-- The maker's row stays locked until the commit, and revoke_key locks a key before it looks for
-- those that it made. So either the revocation finds the new key, or this call finds the maker
-- revoked.
--
-- A trigger of the table writes the entry of the config log (record_key).
create or replace function create_key(
  id text, name text, secret_sha256 bytea, tenants text[], scopes text[], teams text[],
  services text[], event_names text[], rate integer, created_by text, expires_at timestamptz,
  max_count integer, latest_position bigint default null,
  out outcome text, out created_at timestamptz
)
language plpgsql as $$
#variable_conflict use_variable
declare
  maker text := substring(created_by from '^API key ([0-9a-f]{12}) \(');
begin
  outcome := 'created';
  select k.created_at into created_at
  from api_key k
  where k.id = id and k.secret_sha256 = secret_sha256;
  if found then
    return;
  end if;
  if maker is not null then
    perform from api_key k
    where k.id = maker and k.revoked_at is null
      and (k.expires_at is null or k.expires_at > clock_timestamp())
    for share;
    if not found then
      outcome := 'maker_ended';
      return;
    end if;
  end if;
  if expires_at <= clock_timestamp() then
    outcome := 'past';
    return;
  end if;
  -- New keys of a tenant wait for each other here, so that the count is exact. The tenants are
  -- locked in order, so that two calls cannot deadlock.
  perform pg_advisory_xact_lock(hashtextextended('api_key:' || tenant, 0))
  from (select unnest(tenants) as tenant order by 1) as named;
  if exists (
    select
    from unnest(tenants) as named (tenant)
    where max_count <= (
      select count(*) from api_key k
      where k.tenants @> array[named.tenant] and k.revoked_at is null
        and (k.expires_at is null or k.expires_at > clock_timestamp())
    )
  ) then
    outcome := 'full';
    return;
  end if;
  perform set_config('millrace.latest_position', latest_position::text, true);
  insert into api_key (
    id, name, secret_sha256, tenants, scopes, teams, services, event_names, rate, created_by,
    expires_at
  ) values (
    id, name, secret_sha256, tenants, scopes, teams, services, event_names, rate, created_by,
    expires_at
  )
  on conflict do nothing;
  -- A separate statement sees what the first sending of this call has just committed.
  select k.created_at into strict created_at
  from api_key k
  where k.id = id and k.secret_sha256 = secret_sha256;
end
$$;

-- Creates a table's partition of `days` days from `first_day` on, if it is missing; returns whether
-- it did. If another partition already covers some of these days, it creates nothing: partitions of
-- ten days may stand among those of thirty. It uses LIKE and ATTACH: PARTITION OF would lock out
-- publishers.
--
-- The service may not create tables, so this function runs with the rights of its owner. It serves
-- the tables of the log alone, at most a week ahead, and with the same boundaries for all
-- processes: no caller can block future partitions.
create or replace function create_partition(parent regclass, first_day date, days integer)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
  child text := format('%s_%s', parent, to_char(first_day, 'YYYYMMDD'));
  lower_bound bigint := position_of(first_day::timestamp at time zone 'UTC');
  upper_bound bigint := position_of((first_day + days)::timestamp at time zone 'UTC');
begin
  if parent not in (
    'event'::regclass, 'event_key'::regclass, 'receipt'::regclass, 'attempt'::regclass
  ) then
    raise exception 'The table % has no partitions by day.', parent
      using errcode = 'invalid_parameter_value';
  end if;
  -- Older processes created key partitions of ten days.
  if days not in (1, 10, 30) or (parent = 'event_key'::regclass) = (days = 1)
    or (first_day - date '1970-01-01') % days <> 0
  then
    raise exception 'No partition of % has % day(s) from % on.', parent, days, first_day
      using errcode = 'invalid_parameter_value';
  end if;
  if first_day > (now() at time zone 'UTC')::date + 7 then
    raise exception 'A partition from % on is more than a week ahead.', first_day
      using errcode = 'invalid_parameter_value';
  end if;
  if to_regclass('public.' || child) is not null then
    return false;
  end if;
  if exists (
    select
    from pg_inherits
    join pg_class on pg_class.oid = pg_inherits.inhrelid
    cross join lateral regexp_match(
      pg_get_expr(pg_class.relpartbound, pg_class.oid), 'FROM \(''(\d+)''\) TO \(''(\d+)''\)'
    ) as bounds
    where pg_inherits.inhparent = parent
      and bounds[1]::bigint < upper_bound and bounds[2]::bigint > lower_bound
  ) then
    return false;
  end if;
  execute format('create table public.%I (like %s including defaults including constraints)',
    child, parent);
  -- The parent's trigger does not fire if a statement names the partition.
  execute format('create trigger refuses_truncate before truncate on public.%I
    for each statement execute function refuse_change_of_log()', child);
  execute format('alter table %s attach partition public.%I for values from (%s) to (%s)',
    parent, child, lower_bound, upper_bound);
  return true;
end
$$;

revoke execute on function create_partition(regclass, date, integer) from public;

-- The filter in the document of a consumer of a kind. `classes`: null takes every class.
create or replace function document_filter(kind text, document jsonb)
returns table (names jsonb, entities jsonb, classes jsonb, takes_all boolean)
language sql immutable parallel safe
as $$
select
  document #> '{filter_conditions,event_filter}',
  case
    -- In snake case, like the entities of collected events: CLUB1A becomes club1_a.
    when kind = 'subscription' then jsonb_build_array(lower(
      regexp_replace(document ->> 'entityType', '([a-z0-9])([A-Z])', '\1_\2', 'g')
    ))
    else document #> '{filter_conditions,entity_filter}'
  end,
  case
    when kind = 'subscription' then to_jsonb(array_remove(array[
      case when (document ->> 'subscribeCreate')::boolean then 'create' end,
      case when (document ->> 'subscribeChange')::boolean then 'change' end,
      case when (document ->> 'subscribeDelete')::boolean then 'delete' end
    ], null))
  end,
  kind <> 'subscription'
    and coalesce(jsonb_array_length(document #> '{filter_conditions,event_filter}'), 0)
      + coalesce(jsonb_array_length(document #> '{filter_conditions,entity_filter}'), 0) = 0
$$;

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

-- The class of change that a subscription can ask for, by how the event's action ends: create or
-- created, delete or deleted, or anything else. (The action is the last part of the name.)
create or replace function event_class(name text) returns text
language sql immutable parallel safe
return case
  when name like '%create' or name like '%created' then 'create'
  when name like '%delete' or name like '%deleted' then 'delete'
  else 'change'
end;

-- A 64-bit number for the id of a tenant. Other ids may share it, so readers also compare the id.
-- The hashes are those of hash partitioning, which no later PostgreSQL version may change.
create or replace function event_id_fingerprint(tenant text, id text) returns bigint
language sql immutable parallel safe
return hashtextextended(id, hashtextextended(tenant, 0));

-- The ids that an event is found by, as fingerprints: its entity's id, and its correlation ids. The
-- index event_by_id depends on it, so a change needs a migration that builds the index anew.
create or replace function event_ids(tenant text, entity_id text, correlation_ids jsonb)
returns bigint[]
language sql immutable parallel safe
return array_remove(
  array[
    event_id_fingerprint(tenant, entity_id),
    event_id_fingerprint(tenant, correlation_ids ->> 'order_id'),
    event_id_fingerprint(tenant, correlation_ids ->> 'customer_id')
  ],
  null
);

-- A 64-bit index key for (tenant, key_hash). Different keys can share a fingerprint, so readers
-- also compare the key itself. The first 16 bits come from the tenant: keys of one tenant lie
-- together. Both hashes are those of hash partitioning, which no later PostgreSQL version may
-- change. key_hash is hashed as text because only PostgreSQL 18 can cast bytes to an integer.
create or replace function event_key_fingerprint(tenant text, key_hash bytea) returns bigint
language sql immutable parallel safe
return (hashtextextended(tenant, 0) << 48)
  | (hashtextextended(encode(key_hash, 'hex'), 0) & 281474976710655);

-- Hashes an idempotency key, which is unique per tenant and event name.
--
-- Stable, like convert_to, and not strict: so Postgres can inline it.
create or replace function event_key_hash(name text, idempotency_key text) returns bytea
language sql stable parallel safe
return substring(sha256(convert_to(name || chr(10) || idempotency_key, 'UTF8')) for 16);

-- The state of each event in a range of positions, both ends included, for one consumer. The states
-- are listed in docs/sql.md; `why` is the reason as a sentence. `version` is the configuration that
-- decided it, and `run` the stream that settled it (0: live; null: none has). `at` is the moment of
-- the delivery, of the rejection, of the last failure or of the stop.
--
-- For an id that was registered more than once, only the newest life counts. The evidence is its
-- receipts and attempts. For an unsettled event the current configuration decides, and the cursor
-- that the consumer was registered with (the lowest run). An imported event is filtered out of a
-- live run (0), and not of a replay. The scripts in sql/audit call this function, and so does the
-- API (src/history).
create or replace function event_states(
  tenant text, consumer text, first_position bigint, last_position bigint
)
returns table (
  "position" bigint, name text, entity_id text, state text, version integer, run integer,
  at bigint, why text
)
language sql stable
as $$
with configuration as materialized (select * from configurations_of($1, $2)),
-- The current or last state; no row if there never was such a consumer.
standing as (
  select
    turn.status, turn.actor, turn.reason, turn.position as turned_position,
    known.version, known.names, known.entities, known.classes, known.takes_all,
    coalesce(
      position_of_text(known.document ->> 'starts_at') - 1,
      (select max(position) from configuration where registers)
    ) as starts_after,
    position_of_text(known.document ->> 'ends_at') as ends_with
  from (
    select * from configuration
    where status is distinct from previous_status
    order by position desc
    limit 1
  ) as turn
  cross join (
    select * from configuration where document is not null order by position desc limit 1
  ) as known
),
-- The newest life of the id: from its registration on. An id with only one life takes everything.
life as (
  select case when count(*) > 1 then max(position) else 0 end as valid_from
  from configuration
  where registers
),
live as (
  select * from cursor where tenant = $1 and consumer = $2 order by run limit 1
),
-- Rejected by the target, or skipped by a person.
rejection as (
  select run, event_position, bool_or(outcome = 'skipped') as is_skipped
  from attempt
  join life on position >= life.valid_from
  where tenant = $1 and consumer = $2
    and event_position between $3 and $4
    and position >= $3 - 86400000000
    -- An event sent again by hand, attempt 0, was rejected or delivered before.
    and outcome in ('rejected', 'skipped') and attempt > 0
  group by run, event_position
),
-- Sent again by hand and delivered: a rejected event, or any other of the log.
taken_later as (
  select event_position, min(position) as at
  from attempt
  join life on position >= life.valid_from
  where tenant = $1 and consumer = $2
    and event_position between $3 and $4
    and position >= $3 - 86400000000
    and outcome in ('delivered', 'resent')
  group by event_position
),
-- The configuration that settled each event, per run: the first one whose range holds it. An event
-- settled out of order lies in the ranges of later configurations, too (see keep_window).
settled_once as (
  select distinct on (event.position, settled_range.run)
    event.position, settled_range.run, settled_range.version,
    takes_event(
      settled_range.takes_all, settled_range.names, settled_range.entities, settled_range.classes,
      event.name, event.entity_id, $2
    ) and (event.live or settled_range.run > 0) as takes
  from event
  join settled_ranges($1, $2, $3, $4) as settled_range
    on event.position <@ settled_range.positions
  where event.tenant = $1 and event.position between $3 and $4
  order by event.position, settled_range.run, settled_range.configured_at
),
-- An event counts as delivered if any run, live or replay, sent it without a 400, or if a manual
-- retry delivered it. The lowest run that did counts. A replay beside the live stream decides
-- nothing about an event that its filter does not take: the run that the consumer was registered
-- with (1 of a temporary integration) may still be about to send it.
settled as (
  select distinct on (settled_once.position)
    settled_once.position, settled_once.run, settled_once.version, settled_once.takes as taken,
    settled_once.takes and (rejection.run is null or taken_later.at is not null) as delivered,
    rejection.is_skipped,
    case when rejection.run is not null then taken_later.at end as taken_at
  from settled_once
  left join rejection
    on rejection.run = settled_once.run
    and rejection.event_position = settled_once.position
  left join taken_later on taken_later.event_position = settled_once.position
  cross join standing
  where settled_once.takes
    or settled_once.run <= case when standing.ends_with is null then 0 else 1 end
  order by
    settled_once.position,
    settled_once.takes and (rejection.run is null or taken_later.at is not null) desc,
    settled_once.takes desc,
    settled_once.run
),
-- The failure that the stream waits for. A kept rejected event does not hold it up, however often
-- it is sent again by hand.
last_failure as (
  select failure.*
  from live
  -- Lateral, so that nothing is read for a stream that does not fail.
  cross join lateral (
    select attempt.position, attempt.event_position, attempt.reason, attempt.response
    from attempt
    where attempt.tenant = $1 and attempt.consumer = $2 and attempt.run = live.run
      and attempt.attempt > 0
      and attempt.outcome = 'unavailable'
      and not exists (
        select from rejected_event
        where rejected_event.tenant = $1 and rejected_event.consumer = $2
          and rejected_event.event_position = attempt.event_position
      )
    order by attempt.position desc
    limit 1
  ) as failure
  where live.attempts > 0
),
told_apart as (
  select
    event.position, event.name, event.entity_id,
    case
      when settled.delivered or taken_later.at is not null then 'delivered'
      when not settled.taken then 'filtered_out'
      when rejected_event.cause = 'skipped' then 'skipped'
      when rejected_event.id is not null then 'rejected'
      when settled.is_skipped then 'skipped_and_removed'
      when settled.taken then 'rejected_and_removed'
      when standing.status is null then 'never_registered'
      when event.position <= standing.starts_after then 'before_its_start'
      when event.position > standing.ends_with then 'after_its_end'
      when not takes_event(
        standing.takes_all, standing.names, standing.entities, standing.classes, event.name,
        event.entity_id, $2
      ) then 'filtered_out'
      -- Only a replay has an end.
      when not event.live and standing.ends_with is null then 'filtered_out'
      when standing.status = 'removed' and event.position > standing.turned_position
        then 'after_its_removal'
      when standing.status = 'removed' then 'removed_before_it_was_sent'
      when event.position < coalesce(live.unresolved[1], live.read_position + 1)
        then 'passed_over'
      when standing.status = 'stopped' then 'stopped'
      when live.attempts > 0 and event.position = live.unresolved[1] then 'being_retried'
      when live.attempts > 0 then 'behind_a_failing_event'
      when event.position = any(live.unresolved) then 'being_sent'
      else 'waiting'
    end as state,
    coalesce(settled.version, standing.version) as version,
    coalesce(settled.run, rejected_event.run) as run,
    case when settled.delivered then settled.taken_at else taken_later.at end as taken_at,
    event.live,
    rejected_event.status as rejected_status,
    position_of(rejected_event.rejected_at) as rejected_at,
    rejected_event.response as rejected_response
  from event
  left join settled on settled.position = event.position
  left join taken_later on taken_later.event_position = event.position
  left join standing on true
  left join live on true
  left join rejected_event
    on rejected_event.tenant = $1
    and rejected_event.consumer = $2
    and rejected_event.event_position = event.position
  where event.tenant = $1 and event.position between $3 and $4
)
select
  told_apart.position, told_apart.name, told_apart.entity_id,
  told_apart.state, told_apart.version, told_apart.run,
  case
    when told_apart.state = 'delivered' then coalesce(told_apart.taken_at, (
      -- The step that settled it, as in settled_ranges. None yet if it was settled out of order.
      select step.position
      from (
        select position, from_position
        from receipt
        cross join life
        where tenant = $1 and consumer = $2 and run = told_apart.run
          and to_position >= told_apart.position
          and position >= $3 - 86400000000 and position >= life.valid_from
          and from_position < to_position
          and delivered + rejected + filtered > 0
        order by to_position
        limit 1
      ) as step
      where step.from_position < told_apart.position
    ))
    when told_apart.state in ('rejected', 'skipped') then told_apart.rejected_at
    when told_apart.state in ('being_retried', 'behind_a_failing_event') then last_failure.position
    when told_apart.state in ('stopped', 'after_its_removal', 'removed_before_it_was_sent')
      then standing.turned_position
  end as at,
  case told_apart.state
    when 'delivered' then
      case
        when told_apart.taken_at is not null then 'It was sent again by hand and accepted.'
        when told_apart.run = 0 then 'The target has accepted it.'
        else format('The target has accepted it from replay %s.', told_apart.run)
      end
    when 'filtered_out' then
      case
        when not told_apart.live and coalesce(told_apart.run, 0) = 0 and standing.ends_with is null
          then 'It was imported: live streams pass over it, replays send it.'
        when told_apart.name like 'millrace.%' and told_apart.entity_id = $2
          then 'It is about this consumer itself.'
        else format('The filter of version %s does not take it.', told_apart.version)
      end
    when 'rejected' then
      format('Answered %s at %s: %s', told_apart.rejected_status,
        told_time(told_apart.rejected_at), told_apart.rejected_response)
    when 'skipped' then
      format('Skipped at %s, since it held up the stream: %s',
        told_time(told_apart.rejected_at), told_apart.rejected_response)
    when 'skipped_and_removed' then
      'It was skipped and is not kept any more: deleted, or removed after its integration.'
    when 'rejected_and_removed' then
      'It was answered 400 and is not kept any more: deleted, or removed after its integration.'
    when 'never_registered' then 'There never was such an integration or subscription.'
    when 'before_its_start' then
      format('It receives what was published after %s.', told_time(standing.starts_after))
    when 'after_its_end' then format('It ended with %s.', told_time(standing.ends_with))
    when 'passed_over' then
      'Its cursor was moved past it without a delivery, as after a stop past the retention.'
    when 'being_sent' then 'It was read; no answer is recorded yet.'
    when 'waiting' then format('The stream has read up to %s.', told_time(live.read_position))
    else
      case
        when told_apart.state in ('being_retried', 'behind_a_failing_event') then
          format('%s failures in a row, the last at %s of the event at %s: %s. Next try: %s.%s',
            live.attempts, told_time(last_failure.position), last_failure.event_position,
            last_failure.reason, coalesce(told_time(position_of(live.retry_at)), 'now'),
            ' Response: ' || nullif(last_failure.response, ''))
        else
          format('%s at %s by %s: %s', initcap(standing.status),
            told_time(standing.turned_position), standing.actor, standing.reason)
      end
  end as why
from told_apart
left join standing on true
left join live on true
left join last_failure on true
$$;

-- The events of a tenant that name an id, as their entity's or as a correlation id, between two
-- positions (exclusive). It goes day by day, from the oldest or the newest, until it has `most`
-- events; those of a day come in no order. If more than `most` events of a day have the id, they
-- are too many to sort: it ends with the first position of that day, without a name.
--
-- Each day is a statement of its own, without tenant and position: so the planner has no index but
-- event_by_id, whatever it expects of a day that is not analysed yet. The service has no rights on
-- single days, so the function runs with the rights of its owner.
create or replace function events_of_id(
  tenant text, id text, after bigint, before bigint, descending boolean, most integer
) returns table (
  "position" bigint, name text, entity_id text, correlation_ids jsonb, payload_bytes integer
)
language plpgsql stable
security definer
set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off
set enable_bitmapscan = on
as $$
declare
  fingerprint bigint := event_id_fingerprint(tenant, id);
  day record;
  found_event record;
  of_day integer;
  found_count integer := 0;
begin
  for day in
    select pg_class.oid::regclass as partition, bounds[1]::bigint as first_position
    from pg_inherits
    join pg_class on pg_class.oid = pg_inherits.inhrelid
    cross join lateral regexp_match(
      pg_get_expr(pg_class.relpartbound, pg_class.oid), 'FROM \(''(\d+)''\) TO \(''(\d+)''\)'
    ) as bounds
    where inhparent = 'event'::regclass
      and bounds[1]::bigint < events_of_id.before and bounds[2]::bigint > events_of_id.after + 1
    order by case when descending then -bounds[1]::bigint else bounds[1]::bigint end
  loop
    of_day := 0;
    for found_event in execute format(
      'select tenant, position, name, entity_id, correlation_ids, payload_bytes
      from %s
      where event_ids(tenant, entity_id, correlation_ids) @> array[$1]
      limit %s',
      day.partition, most + 1
    ) using fingerprint
    loop
      of_day := of_day + 1;
      if of_day > most then
        return query
        select day.first_position, null::text, null::text, null::jsonb, null::integer;
        return;
      end if;
      continue when found_event.tenant <> events_of_id.tenant
        or found_event.position <= events_of_id.after
        or found_event.position >= events_of_id.before
        or (
          found_event.entity_id <> events_of_id.id
          and coalesce(found_event.correlation_ids ->> 'order_id' <> events_of_id.id, true)
          and coalesce(found_event.correlation_ids ->> 'customer_id' <> events_of_id.id, true)
        );
      found_count := found_count + 1;
      position := found_event.position;
      name := found_event.name;
      entity_id := found_event.entity_id;
      correlation_ids := found_event.correlation_ids;
      payload_bytes := found_event.payload_bytes;
      return next;
    end loop;
    exit when found_count >= most;
  end loop;
end
$$;

revoke execute on function events_of_id(text, text, bigint, bigint, boolean, integer) from public;

-- The event that holds up a run of a consumer: the oldest one that is read, not settled, has failed
-- and is still in the log. Null: no event holds it up. (The oldest unsettled event may be another
-- one, which was never tried: events of different entities overtake each other.)
create or replace function failing_event(tenant text, consumer text, run integer) returns bigint
language sql stable
as $$
select min(waiting.position)
from cursor c
cross join unnest(c.unresolved) as waiting (position)
where c.tenant = $1 and c.consumer = $2 and c.run = $3
  and exists (
    select from attempt a
    where a.tenant = $1 and a.consumer = $2 and a.run = $3
      and a.event_position = waiting.position
      and a.outcome in ('unavailable', 'refused', 'rejected')
      -- By hand: that is not a failure of the stream.
      and a.attempt > 0
      -- Earlier days have no such attempt, give or take a clock that was set back.
      and a.position >= c.unresolved[1] - 86400000000
  )
  and exists (select from event e where e.tenant = $1 and e.position = waiting.position)
$$;

-- Ends a replay that is to end (ends_as), unless a worker still holds its cursor. Returns its state
-- after that, 'cancelling' or 'failing' if it is still to end; null if there is no such replay.
create or replace function finish_replay(
  tenant text, consumer text, number integer, latest_position bigint default null
) returns text
language plpgsql as $$
#variable_conflict use_variable
declare
  ending replay;
begin
  perform lock_consumer(tenant, consumer);
  ending := count_replay(tenant, consumer, number);
  if ending.ends_as is null then
    return (
      select r.state from replay r
      where r.tenant = tenant and r.consumer = consumer and r.number = number
    );
  elsif exists (
    select from cursor c
    where c.tenant = tenant and c.consumer = consumer and c.run = number
      and is_held(c.lease_until)
  ) then
    return case ending.ends_as when 'cancelled' then 'cancelling' else 'failing' end;
  end if;
  perform keep_window(tenant, consumer, number, null);
  ending.state := ending.ends_as;
  perform end_replay(ending, latest_position);
  return ending.state;
end
$$;

-- Moves the ids of newly appended events from the pending lists of event_by_id into the index
-- itself. Workers call it every two seconds: an append only adds to a list, and a search reads the
-- list as a whole. A list that nobody moves is moved by autovacuum, or by the append that exceeds
-- its limit (64 MB). If another process is at it, the function does nothing.
--
-- Only an owner may do this, so the function runs with the rights of its owner.
create or replace function flush_event_ids() returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
  if pg_try_advisory_xact_lock(1296651865) then
    perform gin_clean_pending_list(inhrelid)
    from pg_inherits
    where inhparent = 'event_by_id'::regclass;
  end if;
end
$$;

revoke execute on function flush_event_ids() from public;

-- Grants the roles of sql/roles.sql their rights, if these roles exist. `migrate` calls it after
-- each change of the schema, and sql/roles.sql calls it after it has created the roles. So the
-- service can use a new table at once; the auditor can only if the table is named here. The
-- function runs with the rights of its owner, who owns the tables.
--
-- The service may only add to evidence, and only read the tables that tell the state of the schema.
-- The auditor reads the log, and no secret, sealed or hashed: documents of the configuration are
-- visible through masked_config_log alone.
create or replace function grant_privileges() returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
  owned record;
begin
  if to_regrole('millrace_service') is not null then
    for owned in
      select relname as name
      from pg_class
      where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
        -- Nobody may read a detached partition.
        and not is_partition_name(relname)
        and pg_get_userbyid(relowner) = current_user
    loop
      execute format('revoke all on %I from millrace_service', owned.name);
      execute format('grant %s on %I to millrace_service',
        case
          when owned.name in ('event', 'event_key', 'config_log', 'receipt', 'attempt')
            then 'select, insert'
          when owned.name = 'api_key' then 'select, insert, update (revoked_at, revoked_by)'
          when owned.name ~ '^(kysely_migration.*|migration_checksum|function_checksum)$'
            then 'select'
          else 'select, insert, update, delete'
        end,
        owned.name);
    end loop;
    grant select on integration, masked_config_log to millrace_service;
    grant select, update on sequence lane_position to millrace_service;
    grant execute on function
      create_partition(regclass, date, integer), retire_partition(regclass), flush_event_ids(),
      events_of_id(text, text, bigint, bigint, boolean, integer)
      to millrace_service;

    grant usage on schema graphile_worker to millrace_service;
    grant select, insert, update, delete on all tables in schema graphile_worker
      to millrace_service;
    revoke insert, update, delete on graphile_worker.migrations from millrace_service;
    grant usage, select on all sequences in schema graphile_worker to millrace_service;
    -- graphile_worker's tables use row security: only their owner sees rows, unless a policy
    -- exists.
    for owned in
      select oid::regclass as name
      from pg_class
      where relnamespace = 'graphile_worker'::regnamespace and relrowsecurity
        and not exists (
          select from pg_policy where polrelid = pg_class.oid and polname = 'millrace_service'
        )
    loop
      execute format('create policy millrace_service on %s to millrace_service using (true)',
        owned.name);
    end loop;
  end if;

  if to_regrole('millrace_auditor') is not null then
    revoke all on all tables in schema public from millrace_auditor;
    grant select on
      event, receipt, attempt, rejected_event, export_file, cursor, replay, masked_config_log,
      notification_job, notification_run, notice, registered_event_type
      to millrace_auditor;
    grant execute on function events_of_id(text, text, bigint, bigint, boolean, integer)
      to millrace_auditor;
    grant select (
      tenant, id, kind, version, status, created_position, changed_position, stopped_position
    ) on consumer to millrace_auditor;
    grant select (
      id, name, tenants, scopes, teams, services, event_names, created_at, created_by, expires_at,
      revoked_at, revoked_by
    ) on api_key to millrace_auditor;
  end if;
end
$$;

revoke execute on function grant_privileges() from public;

-- Whether it is time for a retry (retry_at null: nothing to wait for). retry_set_at is when
-- retry_at was written. If that moment is still in the future, the clock was ahead then, and the
-- retry is due. Processes of the previous version do not write it. Then the longest possible
-- schedule bounds retry_at: 9.4 hours, with a MILLRACE_RETRY_BASE_MS of one minute.
create or replace function is_due(retry_at timestamptz, retry_set_at timestamptz)
returns boolean
language sql volatile as $$
  select retry_at is null
    or retry_at <= clock_timestamp()
    or coalesce(retry_set_at, retry_at - interval '10 hours') > clock_timestamp()
$$;

-- Whether a lease, or the time that a stop gives to close a file, has not ended. The longest
-- possible one is 5.5 minutes: MILLRACE_LEASE_MS of at most 5 minutes, and 30 s to close a file. An
-- end more than 6 minutes away was written by a clock that was ahead, so it counts as over.
create or replace function is_held(until timestamptz) returns boolean
language sql volatile as $$
  select coalesce(
    until > clock_timestamp() and until <= clock_timestamp() + interval '6 minutes', false
  )
$$;

-- Whether a name looks like a partition of the log: the table, then the first day. A detached
-- partition that a crash left behind keeps its name, so it matches, too.
create or replace function is_partition_name(name name) returns boolean
language sql immutable
as $$
  select name ~ '^(event|event_key|receipt|attempt)_[0-9]{8}$'
$$;

-- Keeps a rejected event for the turn that holds the lease. Returns:
-- * kept: it is kept, by now or already: the same event is kept once.
-- * last: the same, and there is no room for another.
-- * no_room: most_kept are kept already, and this is not one of them.
-- * lost: another turn has the lease by now.
--
-- The runs of a consumer share the room, so they take turns: the consumer is locked, and a later
-- statement counts. A single one would count in its snapshot from before the wait.
create or replace function keep_rejected(
  tenant text, consumer text, run integer, owner uuid, epoch bigint, event_position bigint,
  name text, entity_id text, idempotency_key text, payload json, status integer, response text,
  most_kept integer, latest_position bigint
) returns text
language plpgsql as $$
#variable_conflict use_variable
declare
  kept integer;
  is_known boolean;
begin
  perform from consumer c
  where c.tenant = tenant and c.id = consumer
  for no key update;
  -- A removal that has locked the cursor sees every rejected event of it.
  perform from cursor c
  where c.tenant = tenant and c.consumer = consumer and c.run = run
    and c.owner = owner and c.epoch = epoch
  for key share;
  if not found then
    return 'lost';
  end if;
  select count(*), coalesce(bool_or(r.event_position = event_position), false)
  into kept, is_known
  from rejected_event r
  where r.tenant = tenant and r.consumer = consumer;
  if not is_known then
    if kept >= most_kept then
      return 'no_room';
    end if;
    insert into rejected_event as r (
      tenant, consumer, run, event_position, name, entity_id, idempotency_key, payload, status,
      response
    ) values (
      tenant, consumer, run, event_position, name, entity_id, idempotency_key, payload, status,
      response
    );
    kept := kept + 1;
    if kept = most_kept then
      perform alert_rejected_limit(tenant, consumer, most_kept, latest_position);
    end if;
  end if;
  return case when kept >= most_kept then 'last' else 'kept' end;
end
$$;

-- Writes down what a cursor's window knows, before the window is lost or another version of the
-- configuration settles the rest of it. Receipts cover events up to the oldest unresolved one. Only
-- the window knows which later events are settled: those that were read and are not unresolved. For
-- each span between unresolved events this function writes a receipt with the version that settled
-- it. These receipts have no counts, for the receipts of the steps have them. Without them, events
-- that an earlier filter passed over would count as delivered by the next one.
--
-- The window belongs to next_version from then on (null: the window ends). The function does
-- nothing if owner and held_epoch do not hold the lease (owner null: no lease is checked). The
-- receipts get positions before at_position.
create or replace function keep_window(
  tenant text, consumer text, run integer, next_version integer,
  owner uuid default null, held_epoch bigint default null,
  at_position bigint default position_of(clock_timestamp())
) returns void
language plpgsql as $$
#variable_conflict use_variable
declare
  current_cursor record;
begin
  select c.* into current_cursor
  from cursor c
  where c.tenant = tenant and c.consumer = consumer and c.run = run
    and (owner is null or (c.owner = owner and c.epoch = held_epoch))
  for update;
  if current_cursor.consumer is null then
    return;
  end if;
  if current_cursor.unresolved <> '{}' and current_cursor.version is distinct from next_version then
    insert into receipt (
      tenant, position, consumer, run, version, from_position, to_position,
      delivered, rejected, filtered, latency_ms_histogram
    )
    select
      tenant, at_position - row_number() over (order by span.after),
      consumer, run, current_cursor.version,
      span.after, span.through, 0, 0, 0, '{}'
    from (
      select
        waiting as after,
        coalesce(lead(waiting) over (order by waiting) - 1, current_cursor.read_position) as through
      from unnest(current_cursor.unresolved) as waiting
    ) as span
    where current_cursor.version is not null
      -- Not exists: without statistics of a day (after an import), that becomes a join, which reads
      -- the whole day for each of up to 500 spans.
      and (
        select e.position
        from event e
        where e.tenant = tenant and e.position > span.after and e.position <= span.through
        order by e.position
        limit 1
      ) is not null;
  end if;
  update cursor c
  set version = next_version
  where c.tenant = tenant and c.consumer = consumer and c.run = run;
end
$$;

-- Locks the rows of a consumer in the one order that all callers use: the consumer, its cursors,
-- its open files, its replays under way. Its rejected events come after these. A function that
-- changes a consumer or removes its rejected events calls this before it takes the lane (see
-- next_position). Returns the locked consumer, or null if there is none.
create or replace function lock_consumer(tenant text, id text) returns consumer
language plpgsql as $$
#variable_conflict use_variable
declare
  locked consumer;
begin
  select c.* into locked
  from consumer c
  where c.tenant = tenant and c.id = id
  for update;
  perform from cursor c
  where c.tenant = tenant and c.consumer = id
  order by c.run
  for update;
  perform from export_file f
  where f.tenant = tenant and f.consumer = id and f.state = 'open'
  order by f.run
  for update;
  perform from replay r
  where r.tenant = tenant and r.consumer = id and r.ended_position is null
  order by r.number
  for update;
  return locked;
end
$$;

-- When this log began: the time of its first migration. No event is older, so retention has removed
-- nothing from before it. Auditors may call this but may not read the record of migrations, so it
-- runs with the rights of its owner.
create or replace function log_began() returns timestamptz
language sql stable
security definer
set search_path = pg_catalog, public, pg_temp
as $$
select min(applied_at) from migration_checksum
$$;

-- Whether the log has passed a position: no later append can get it, unless the clock is set back.
-- (To be certain, take the lane, as complete_replay does.)
create or replace function log_has_passed("position" bigint) returns boolean
language sql volatile as $$
  select "position" < greatest(
    pg_sequence_last_value('lane_position') + 1, position_of(clock_timestamp())
  )
$$;

-- Whether a worker that holds the lease of a consumer may be sending this event right now.
create or replace function may_be_sending(tenant text, consumer text, event_position bigint)
returns boolean
language sql volatile as $$
  select exists (
    select from cursor c
    where c.tenant = $1 and c.consumer = $2
      and is_held(c.lease_until)
      and $3 = any(c.unresolved)
  )
$$;

-- Fills in the run of a rejected event from a process older than 0023, which names none: the run
-- that its consumer was registered with. (0023_replay has the first text of this function, since
-- such a process does not wait for sql/functions.)
create or replace function name_run() returns trigger
language plpgsql as $$
begin
  new.run := coalesce((
    select min(run) from cursor where tenant = new.tenant and consumer = new.consumer
  ), 0);
  return new;
end
$$;

-- The newest entry of the config log for each (tenant, id), and the positions of its changes. An
-- entry that keeps the version is a note: it changes nothing. An id that was removed and registered
-- again counts its versions from 1 again.
--
-- Use it like a view, like the functions rebuilt_…, which derive the tables that are projections
-- of this log. Postgres inlines each into the calling query. Every window is partitioned by
-- (tenant, id), so a query for one of them reads only its entries. To select a kind, put the
-- condition on `id`: that one reaches the log, a condition on `kind` does not.
create or replace function newest_configuration()
returns table (
  tenant text, id text, kind text, version integer, status text, document jsonb,
  created_position bigint, changed_position bigint, turned_position bigint, stopped_position bigint
)
language sql stable
as $$
select distinct on (tenant, id)
  tenant, id, kind, version, status, document,
  max(position) filter (where is_change and version = 1) over same as created_position,
  max(position) filter (where is_change) over same as changed_position,
  -- Resealing changes nothing about a consumer but its secrets: see reseal_consumer.
  max(position) filter (where is_change and action <> 'secrets_resealed') over same
    as turned_position,
  max(position) filter (where status = 'stopped' and is_turn) over same as stopped_position
from (
  select
    *,
    version is distinct from lag(version) over log as is_change,
    status is distinct from lag(status) over log as is_turn
  from config_log
  window log as (partition by tenant, id order by position)
) as entry
window same as (partition by tenant, id)
order by tenant, id, position desc
$$;

-- Each key according to the config log alone, by its id there ('key:…'), with every column of
-- api_key. Its first entry says what the key is for and what it grants. It is revoked if any entry
-- says so. So if the entries of its tenants disagree, no later entry can grant more.
create or replace function newest_key() returns table (log_id text, document jsonb)
language sql stable
as $$
select
  id,
  (array_agg(document order by created_position, tenant))[1]
    || jsonb_build_object('id', substr(id, length('key:') + 1))
    || coalesce((array_agg(
      jsonb_build_object(
        'revoked_at', document -> 'revoked_at', 'revoked_by', document -> 'revoked_by'
      )
      order by changed_position, tenant
    ) filter (where status = 'removed'))[1], '{}')
from newest_configuration()
where id ~ '^key:'
group by id
$$;

-- Locks the lane to the end of the transaction and returns the next free position. After its rows
-- are written, the caller must store the last position that it used: setval('lane_position', last).
-- Never before: a rollback does not undo setval. With a clock far ahead, rows find no partition,
-- and that failure must come before the sequence moves into the future.
--
-- latest_position is the bound that the caller's own clock sets (null: the caller has only the
-- database's clock). A database clock beyond it is refused (MR004; the detail says by how many
-- microseconds). It bounds the clock, not the log. A log that is already ahead goes on from its
-- last position: refusing would stop all publishing until the clock has caught up.
--
-- Rows first, the lane last: the lane holds up every publisher of every tenant. While it is held,
-- nobody may wait for a row or read much. A function that changes rows locks them before it calls
-- this, in the order consumer, cursor, others. Rows that it inserts later are inserted by nobody
-- else without the lane.
--
-- A function reads the sequence's last value, not a scan. append_events forbids sequential scans,
-- and up to PostgreSQL 17 a forbidden scan without an alternative costs 1e10. With jit on, that
-- cost compiled every append anew.
create or replace function next_position(latest_position bigint default null) returns bigint
language plpgsql as $$
declare
  last_position bigint;
  clock_position bigint;
begin
  perform pg_advisory_xact_lock(1296651858, 0);
  -- Read after the lock: other calls have used positions, and time has passed, during the wait.
  last_position := pg_sequence_last_value('lane_position');
  clock_position := position_of(clock_timestamp());
  if clock_position > latest_position then
    raise exception 'The database''s clock (%) is too far ahead of the caller''s.',
      clock_timestamp()
      using errcode = 'MR004', detail = clock_position - latest_position;
  end if;
  -- Null before the first use. Also null without the right to read it, which must not count as
  -- unused.
  if last_position is null and not has_sequence_privilege('lane_position', 'select') then
    raise exception 'The role % may not read the sequence lane_position.', current_user
      using errcode = 'insufficient_privilege';
  end if;
  return greatest(last_position + 1, clock_position);
end
$$;

-- Writes a note into the config log: something happened to a consumer that people should know, and
-- nothing changed. If the consumer has ended, the note stands after its end and belongs to its last
-- life. Does nothing if there never was such a consumer.
create or replace function note_consumer(
  tenant text, id text, action text, actor text, reason text,
  latest_position bigint default null
) returns void
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint := next_position(latest_position);
begin
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  )
  select
    tenant, change_position, c.kind, id, c.version, action, c.status, actor, reason, c.document
  from consumer c
  where c.tenant = tenant and c.id = id;
  if not found then
    insert into config_log (
      tenant, position, kind, id, version, action, status, actor, reason, document
    )
    select tenant, change_position, l.kind, id, l.version, action, 'removed', actor, reason, null
    from config_log l
    where l.tenant = tenant and l.id = id
    order by l.position desc
    limit 1;
  end if;
  perform setval('lane_position', change_position);
end
$$;

-- Writes a note about a job into the config log, such as a failed run. It changes nothing.
create or replace function note_notification_job(
  tenant text, id text, action text, reason text,
  latest_position bigint default null, actor text default 'millrace'
) returns void
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint := next_position(latest_position);
begin
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  )
  select
    j.tenant, change_position, 'job', 'job:' || j.id, newest.version, action, newest.status,
    actor, reason, newest.document
  from notification_job j
  cross join lateral (
    select c.version, c.status, c.document from config_log c
    where c.tenant = j.tenant and c.id = 'job:' || j.id
    order by c.position desc
    limit 1
  ) as newest
  where j.tenant = tenant and j.id = id;
  perform setval('lane_position', change_position);
end
$$;

-- The position of a moment: microseconds since 1970. Of a timestamptz, extract is not immutable;
-- of a timestamp it is. So Postgres puts this body in place of a call, which costs half.
create or replace function position_of(moment timestamptz) returns bigint
language sql immutable strict parallel safe
return (extract(epoch from moment at time zone 'UTC') * 1000000)::bigint;

-- The position of an RFC 3339 time that src/log/position.ts has taken: the same number. A cast to
-- timestamptz would refuse the year 0000 and an offset of 16 hours, and round what is finer than a
-- microsecond. No position is before 1970 or after 2255, the largest number that JavaScript holds.
create or replace function position_of_text("time" text) returns bigint
language sql immutable strict parallel safe
return case
  when left("time", 4)::integer < 1969 then 0
  else least(9007199254740991, greatest(
    0,
    extract(epoch from
      make_timestamp(
        left("time", 4)::integer, substr("time", 6, 2)::integer, substr("time", 9, 2)::integer,
        substr("time", 12, 2)::integer, substr("time", 15, 2)::integer,
        substr("time", 18, 2)::integer
      ) - coalesce(substring("time" from '[+-]\d\d:\d\d$'), '00:00')::interval
    )::bigint * 1000000
      + rpad(coalesce(substring("time" from '\.(\d{1,6})'), ''), 6, '0')::bigint
  ))
end;

-- Publishes one event inside the caller's own transaction: it is in the log if, and only if, that
-- transaction commits. The lane stays locked until then and every other publisher waits, so keep
-- the transaction short and publish last. The sweep finds the event within seconds and starts
-- delivery. This function has only the database's clock: if that is ahead, only the partitions
-- created in advance bound it. An event that is not live is imported: live streams pass over it,
-- replays send it. A malformed traceparent is ignored. Errors: MR001 if the key was used with
-- another payload; MR005 for the entity millrace, which is reserved for alerts.
create or replace function publish_event(
  tenant text, name text, entity_id text, idempotency_key text, payload json,
  correlation_ids jsonb default '{}', team text default current_user, service text default 'sql',
  live boolean default true, traceparent text default null
) returns table ("position" bigint, published_at timestamptz, duplicate boolean)
language plpgsql as $$
declare
  appended record;
begin
  if split_part(publish_event.name, '.', 1) = 'millrace' then
    raise exception 'The entity "millrace" is reserved: its events are alerts of Millrace.'
      using errcode = 'MR005';
  end if;
  select * into appended
  from append_event(
    publish_event.tenant, publish_event.name, publish_event.entity_id,
    publish_event.idempotency_key, publish_event.team, publish_event.service,
    publish_event.correlation_ids::text, publish_event.payload::text, null, publish_event.live,
    traceparent_of(publish_event.traceparent)
  );
  if appended.outcome = 'key_reused' then
    raise exception 'The idempotency key "%" of % was used with another payload (position %).',
      publish_event.idempotency_key, publish_event.name, appended.position
      using errcode = 'MR001';
  end if;
  return query
  select appended.position, time_of(appended.position), appended.outcome = 'duplicate';
end
$$;

-- Reads the next most_events events of a tenant's log and records their names. It keeps the
-- most_names names published last, so that a publisher with a new name for each event cannot fill
-- the table. Returns whether it has reached the end of the log. Commit order is position order, so
-- no event can commit behind the last position read.
create or replace function read_event_types(
  tenant text,
  most_events integer,
  most_names integer default 10000
) returns boolean
language plpgsql
-- Read by primary key, in its order. Before a day's partition is analysed, the planner expects a
-- dozen rows and would sort the whole rest of it for each page.
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_variable
declare
  last_read bigint;
  event_count integer;
begin
  -- Without this check, a call at the end of the log would write a row.
  select r.read_position into last_read from event_type_reader r where r.tenant = tenant;
  perform from event e where e.tenant = tenant and e.position > coalesce(last_read, 0) limit 1;
  if not found then
    return true;
  end if;

  insert into event_type_reader values (tenant, 0) on conflict do nothing;
  select r.read_position into last_read
  from event_type_reader r
  where r.tenant = tenant
  for update;

  with page as materialized (
    select e.name, e.position
    from event e
    where e.tenant = tenant and e.position > last_read
    order by e.position
    limit most_events
  ),
  latest as (
    select p.name, max(p.position) as last_position
    from page p
    group by p.name
    order by max(p.position) desc
    limit most_names
  ),
  stored as (
    insert into event_type as t
    select tenant, l.name, l.last_position
    from latest l
    -- In one order, so that concurrent readers cannot deadlock.
    order by l.name collate "C"
    on conflict on constraint event_type_pkey
    do update set last_position = greatest(t.last_position, excluded.last_position)
  ),
  read as (
    update event_type_reader r
    set read_position = (select max(p.position) from page p)
    where r.tenant = tenant and exists (select from page)
  )
  select count(*) into event_count from page;

  delete from event_type t
  where t.tenant = tenant
    and t.last_position < (
      select k.last_position
      from event_type k
      where k.tenant = tenant
      order by k.last_position desc
      offset most_names - 1 limit 1
    );
  return event_count < most_events;
end
$$;

-- Restores a key from the config log: inserts it if it is missing, and revokes it if the log has.
-- Keys are otherwise never changed or deleted. So only the owner of the table may correct other
-- differences, or delete a key that no log has. Returns whether the row now agrees with the log.
create or replace function rebuild_api_key(id text, latest_position bigint) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  rebuilt api_key;
  live api_key;
  is_owner boolean := (
    select pg_has_role(relowner, 'usage') from pg_class where oid = 'api_key'::regclass
  );
begin
  if is_owner then
    -- Switching off the trigger needs this lock; take it before the lane.
    lock table api_key in share row exclusive mode;
  end if;
  perform from api_key k where k.id = id for update;
  -- As in rebuild_consumer: creating or revoking a key takes the lane before the commit.
  perform next_position(latest_position);
  select (jsonb_populate_record(null::api_key, r.document)).*
  into rebuilt
  from newest_key() r
  where r.log_id = 'key:' || id;
  insert into api_key
  select rebuilt.* where rebuilt.id is not null
  on conflict do nothing;
  update api_key k
  set revoked_at = rebuilt.revoked_at, revoked_by = rebuilt.revoked_by
  where k.id = id and k.revoked_at is null and rebuilt.revoked_at is not null;
  select k.* into live from api_key k where k.id = id;
  if live is not distinct from rebuilt then
    return true;
  elsif not is_owner then
    return false;
  end if;
  alter table api_key disable trigger api_key_may_only_be_revoked;
  delete from api_key k where k.id = id;
  insert into api_key
  select rebuilt.* where rebuilt.id is not null;
  alter table api_key enable trigger api_key_may_only_be_revoked;
  return true;
end
$$;

-- Restores a consumer from the config log, or removes it if the log has none. An existing cursor
-- stays. A missing one is created at the last position that it certainly had reached: the end of
-- what receipts of this life settle, or the start. It is never ahead of what was delivered: events
-- may be sent again, and none is lost. If the consumer changes, a worker that leases it loses the
-- lease. Returns whether the row now agrees with the log; false if it was registered meanwhile.
--
-- While the lane is locked, nobody else can change the consumer or register its id, so the log
-- stays true until the commit. No position is used, so none is stored back.
create or replace function rebuild_consumer(
  tenant text, id text, latest_position bigint
) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  live consumer := lock_consumer(tenant, id);
  rebuilt record;
  newest record;
  starts_after bigint;
  settled_position bigint;
  -- A temporary integration is a replay: see register_consumer.
  own_run integer;
  has_cursor boolean;
begin
  -- Before the lane: with a missing cursor this reads much.
  select r.* into rebuilt from rebuilt_consumer() r where r.tenant = tenant and r.id = id;
  own_run := case when rebuilt.document ->> 'integration_type' = 'temporary' then 1 else 0 end;
  has_cursor := exists (
    select from cursor c where c.tenant = tenant and c.consumer = id and c.run <= own_run
  );
  if not has_cursor then
    starts_after := case
      when rebuilt.kind = 'projection' then 0
      else coalesce(
        position_of_text(rebuilt.document ->> 'starts_at') - 1, rebuilt.created_position
      )
    end;
    select max(r.to_position) into settled_position
    from receipt r
    where r.tenant = tenant and r.consumer = id and r.run = own_run
      -- Receipts of steps only. Those without counts cover spans settled out of order, behind which
      -- there may be unresolved events: see keep_window.
      and r.delivered + r.rejected + r.filtered > 0
      -- Of this life only. An earlier life may have sent events from before the registration, and
      -- its receipts may have higher positions if the clock was set back.
      and r.position > rebuilt.created_position
      and r.from_position >= starts_after
      and (starts_after >= rebuilt.created_position or not exists (
        select from config_log l where l.tenant = tenant and l.id = id and l.status = 'removed'
      ));
  end if;
  perform next_position(latest_position);
  select r.* into newest from rebuilt_consumer() r where r.tenant = tenant and r.id = id;
  if newest is distinct from rebuilt then
    return false;
  elsif rebuilt.id is null then
    delete from consumer c where c.tenant = tenant and c.id = id;
    delete from cursor c where c.tenant = tenant and c.consumer = id;
    delete from replay r
    where r.tenant = tenant and r.consumer = id and r.ended_position is null;
    update export_file f
    set state = 'abandoned'
    where f.tenant = tenant and f.consumer = id and f.state = 'open';
    return true;
  end if;
  insert into consumer (
    tenant, id, kind, version, status, document, created_position, changed_position,
    stopped_position
  ) values (
    tenant, id, rebuilt.kind, rebuilt.version, rebuilt.status, rebuilt.document,
    rebuilt.created_position, rebuilt.changed_position, rebuilt.stopped_position
  )
  on conflict on constraint consumer_pkey do update
  set kind = excluded.kind, version = excluded.version, status = excluded.status,
    document = excluded.document, created_position = excluded.created_position,
    changed_position = excluded.changed_position, stopped_position = excluded.stopped_position;
  if (live.kind, live.version, live.status, live.document)
    is distinct from (rebuilt.kind, rebuilt.version, rebuilt.status, rebuilt.document)
  then
    -- The version may be the same, so no step of the worker would notice the change. The
    -- notification is for a worker that waits for events: it would send the first one under its old
    -- lease.
    update cursor c
    set epoch = c.epoch + 1, owner = null, lease_until = null
    where c.tenant = tenant and c.consumer = id;
    perform pg_notify('millrace_halt', tenant || '/' || id);
  end if;
  if not has_cursor then
    insert into cursor (tenant, consumer, run, read_position, stop_position)
    values (
      tenant, id, own_run, greatest(starts_after, settled_position),
      position_of_text(rebuilt.document ->> 'ends_at')
    );
  end if;
  return true;
end
$$;

-- Restores a job from the config log, if the log has expected_version of it: next_run_at belongs to
-- that version. The job goes on behind the last position that its runs have looked at. An existing
-- job keeps its next run unless its document changes; then a worker that runs it loses its lease.
-- Returns whether the row now agrees with the log.
create or replace function rebuild_notification_job(
  tenant text, id text, expected_version integer, next_run_at timestamptz, latest_position bigint
) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  rebuilt record;
  ran_through bigint;
begin
  perform from notification_job j where j.tenant = tenant and j.id = id for update;
  select max(r.to_position) into ran_through
  from notification_run r
  where r.tenant = tenant and r.job_id = id;
  -- As in rebuild_consumer.
  perform next_position(latest_position);
  select r.* into rebuilt
  from rebuilt_notification_job() r
  where r.tenant = tenant and r.log_id = 'job:' || id;
  if rebuilt.version is distinct from expected_version then
    return false;
  elsif rebuilt.id is null then
    delete from notification_job j where j.tenant = tenant and j.id = id;
    return true;
  end if;
  update notification_job j
  set epoch = j.epoch + 1, owner = null, lease_until = null
  where j.tenant = tenant and j.id = id and j.document <> rebuilt.document;
  insert into notification_job as j (
    tenant, id, version, document, created_position, changed_position, through_position,
    next_run_at
  ) values (
    tenant, id, rebuilt.version, rebuilt.document, rebuilt.created_position,
    rebuilt.changed_position, greatest(rebuilt.created_position, ran_through), next_run_at
  )
  on conflict on constraint notification_job_pkey do update
  set version = excluded.version, document = excluded.document,
    created_position = excluded.created_position, changed_position = excluded.changed_position,
    next_run_at =
      case when j.document = excluded.document then j.next_run_at else excluded.next_run_at end;
  return true;
end
$$;

-- Restores a tenant's sender from the config log, or removes it if the log has none. If the sender
-- changes, workers lose the leases of the tenant's jobs. Always returns true: the row now agrees
-- with the log.
create or replace function rebuild_notification_sender(
  tenant text, latest_position bigint
) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  live notification_sender;
  rebuilt record;
begin
  -- Locks in the order of change_notification_sender; takes the lane as rebuild_consumer does.
  perform from notification_job j where j.tenant = tenant order by j.id for update;
  perform pg_advisory_xact_lock(hashtextextended('sender:' || tenant, 0));
  select s.* into live from notification_sender s where s.tenant = tenant for update;
  perform next_position(latest_position);
  select r.* into rebuilt from rebuilt_notification_sender() r where r.tenant = tenant;
  if live.document is distinct from rebuilt.document then
    update notification_job j
    set epoch = j.epoch + 1, owner = null, lease_until = null
    where j.tenant = tenant and j.owner is not null;
  end if;
  if rebuilt.tenant is null then
    delete from notification_sender s where s.tenant = tenant;
    return true;
  end if;
  insert into notification_sender (tenant, version, document, changed_position)
  values (tenant, rebuilt.version, rebuilt.document, rebuilt.changed_position)
  on conflict on constraint notification_sender_pkey do update
  set version = excluded.version, document = excluded.document,
    changed_position = excluded.changed_position;
  return true;
end
$$;

-- Restores a registered event type from the config log, or removes it if the log has none. Always
-- returns true: the row now agrees with the log. Publishing processes read the table anew within
-- seconds.
create or replace function rebuild_registered_event_type(
  tenant text, name text, latest_position bigint
) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  rebuilt record;
begin
  -- Locks in the order of change_event_type; takes the lane as rebuild_consumer does.
  perform pg_advisory_xact_lock(hashtextextended('event_type:' || tenant, 0));
  perform from registered_event_type r where r.tenant = tenant and r.name = name for update;
  perform next_position(latest_position);
  select r.* into rebuilt
  from rebuilt_registered_event_type() r
  where r.tenant = tenant and r.log_id = 'event_type:' || name;
  if rebuilt.tenant is null then
    delete from registered_event_type r where r.tenant = tenant and r.name = name;
    return true;
  end if;
  insert into registered_event_type (tenant, name, version, document, changed_position)
  values (tenant, name, rebuilt.version, rebuilt.document, rebuilt.changed_position)
  on conflict on constraint registered_event_type_pkey do update
  set version = excluded.version, document = excluded.document,
    changed_position = excluded.changed_position;
  return true;
end
$$;

-- The table `api_key` according to the config log alone: see newest_key.
create or replace function rebuilt_api_key() returns setof api_key
language sql stable
as $$
select key.*
from newest_key() as newest
cross join lateral jsonb_populate_record(null::api_key, newest.document) as key
$$;

-- The table `consumer` according to the config log alone: see newest_configuration.
create or replace function rebuilt_consumer()
returns table (
  tenant text, id text, version integer, status text, document jsonb, created_position bigint,
  changed_position bigint, kind text, stopped_position bigint
)
language sql stable
as $$
select
  tenant, id, version, status, document, created_position,
  turned_position as changed_position, kind,
  case when status = 'stopped' then stopped_position end as stopped_position
from newest_configuration()
where id !~ '^(job|sender|key|event_type):' and status <> 'removed'
$$;

-- The table `notification_job` according to the config log alone (see newest_configuration),
-- without the columns that its runs keep there. A deleted job stays. Older entries of a deletion
-- have no document; then this gives the previous one, marked as deleted. To select one job, put the
-- condition on log_id: a condition on `id` reads the whole log.
create or replace function rebuilt_notification_job()
returns table (
  tenant text, id text, version integer, document jsonb, created_position bigint,
  changed_position bigint, log_id text
)
language sql stable
as $$
select
  tenant, substr(id, length('job:') + 1) as id, version,
  coalesce(
    document,
    (
      select earlier.document || '{"deleted": true}'
      from config_log as earlier
      where earlier.tenant = newest.tenant and earlier.id = newest.id
        and earlier.document is not null
      order by earlier.position desc
      limit 1
    )
  ) as document,
  created_position, changed_position, id as log_id
from newest_configuration() as newest
where id ~ '^job:'
$$;

-- The table `notification_sender` according to the config log alone: see newest_configuration.
create or replace function rebuilt_notification_sender()
returns table (tenant text, version integer, document jsonb, changed_position bigint)
language sql stable
as $$
select tenant, version, document, changed_position
from newest_configuration()
where id = 'sender:sendgrid' and status <> 'removed'
$$;

-- The table `registered_event_type` according to the config log alone (see newest_configuration).
-- To select one type, put the condition on log_id: a condition on `name` reads the whole log.
create or replace function rebuilt_registered_event_type()
returns table (
  tenant text, name text, version integer, document jsonb, changed_position bigint, log_id text
)
language sql stable
as $$
select
  tenant, substr(id, length('event_type:') + 1) as name, version, document, changed_position,
  id as log_id
from newest_configuration()
where id ~ '^event_type:' and status <> 'removed'
$$;

-- Writes a key's creation (its insert) and its revocation into the config log: an entry for each
-- tenant that the key names. It writes no entry that the log has already, as for a key rebuilt from
-- the log, and none for other changes of the row. The entry of a revocation repeats the purpose and
-- the grants of the creation's entry, not of the row. (Unless the log has no creation of the key:
-- then it uses the row.)
--
-- The lane is taken here, after all rows: see next_position. Its bound comes as a setting of the
-- transaction, since a trigger has no arguments. (0024_config_log has the first text of this
-- function: no key may be created between that migration and sql/functions.)
create or replace function record_key() returns trigger
language plpgsql
set timezone = 'UTC'
as $$
declare
  change_position bigint;
  is_revoked boolean := new.revoked_at is not null;
  with_maker text := ', with ' || new.created_by || ' that made it';
  is_with_maker boolean := is_revoked and right(new.revoked_by, length(with_maker)) = with_maker;
  known integer := (
    select max(version) from config_log where id ~ '^key:' and id = 'key:' || new.id
  );
begin
  if tg_op = 'INSERT' and (known > 0 or is_revoked)
    or tg_op = 'UPDATE' and (known > 1 or not is_revoked or old.revoked_at is not null)
  then
    return null;
  end if;
  change_position :=
    next_position(nullif(current_setting('millrace.latest_position', true), '')::bigint);
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  )
  select
    entry.tenant, change_position, 'key', 'key:' || new.id, 1 + is_revoked::integer,
    case when is_revoked then 'key_revoked' else 'key_created' end,
    case when is_revoked then 'removed' else 'running' end,
    case
      when is_with_maker then left(new.revoked_by, -length(with_maker))
      when is_revoked then new.revoked_by
      else new.created_by
    end,
    case
      when is_with_maker then format('Revoked with %s that made it.', new.created_by)
      when is_revoked then 'Revoked.'
      else 'Created.'
    end,
    entry.document || case
      when is_revoked then
        jsonb_build_object('revoked_at', new.revoked_at, 'revoked_by', new.revoked_by)
      else '{}'
    end
  from (
    select tenant, document from config_log where id ~ '^key:' and id = 'key:' || new.id
    union all
    select distinct unnest(new.tenants), jsonb_strip_nulls(to_jsonb(new) - 'id')
    where known is null
  ) as entry;
  perform setval('lane_position', change_position);
  return null;
end
$$;

-- The trigger of api_key: a key can be revoked, once; every other change is refused.
create or replace function refuse_change_of_key() returns trigger
language plpgsql as $$
begin
  if tg_op = 'UPDATE'
    and old.revoked_at is null
    and (to_jsonb(new) - '{revoked_at,revoked_by}'::text[])
      = (to_jsonb(old) - '{revoked_at,revoked_by}'::text[])
  then
    return new;
  end if;
  raise exception 'A key is for the record: % of % is refused.', tg_op, tg_table_name
    using errcode = 'MR003', hint = 'Revoke the key and create another.';
end
$$;

-- The trigger that makes the log, and the other evidence of audits, append-only.
create or replace function refuse_change_of_log() returns trigger
language plpgsql as $$
begin
  raise exception 'The log is append-only: % of % is refused.', tg_op, tg_table_name
    using errcode = 'MR003', hint = 'Publish a new event that corrects the old one.';
end
$$;

-- Registers a consumer. Returns 'registered', or 'taken' (the id exists), or 'full' (the tenant has
-- max_count of the kind); the latter two change nothing. Of subscriptions only running ones count,
-- and a stopped one needs no room. The consumer receives the events in (starts_after,
-- stop_position]; null: from its own registration on, and without an end. status: 'running' or
-- 'stopped'. A temporary integration is a replay: its cursor, and all that is recorded of it, is
-- run 1.
create or replace function register_consumer(
  tenant text, kind text, id text, document jsonb, status text, action text, actor text,
  reason text, starts_after bigint, stop_position bigint, max_count integer,
  latest_position bigint default null
) returns text
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint;
begin
  -- Rejected events that an earlier consumer of the same id has left behind.
  perform from rejected_event r
  where r.tenant = tenant and r.consumer = id
  order by r.id
  for update;
  change_position := next_position(latest_position);
  -- While the lane is locked, nobody else can register or remove one, so both answers stay true.
  if exists (select from consumer c where c.tenant = tenant and c.id = id) then
    return 'taken';
  end if;
  if (kind <> 'subscription' or status = 'running') and max_count <= (
    select count(*) from consumer c
    where c.tenant = tenant and c.kind = kind and (kind <> 'subscription' or c.status = 'running')
  ) then
    return 'full';
  end if;
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  ) values (tenant, change_position, kind, id, 1, action, status, actor, reason, document);
  insert into consumer (
    tenant, id, kind, version, status, document, created_position, changed_position,
    stopped_position
  ) values (
    tenant, id, kind, 1, status, document, change_position, change_position,
    case when status = 'stopped' then change_position end
  );
  -- "From now on" means exactly from the position of the registration itself.
  insert into cursor (tenant, consumer, run, read_position, stop_position, counted_after)
  values (
    tenant, id, case when document ->> 'integration_type' = 'temporary' then 1 else 0 end,
    coalesce(starts_after, change_position), stop_position, change_position
  );
  perform setval('lane_position', change_position);
  perform remove_rejected(
    tenant, id, 'Its id was used again, so the rejected events of the earlier one were removed.',
    latest_position
  );
  return 'registered';
end
$$;

-- Removes all rejected events of a consumer without a request to delete them. A note in the config
-- log names them, so none disappears silently. Returns how many there were. The caller has locked
-- the rows.
create or replace function remove_rejected(
  tenant text, id text, reason text, latest_position bigint
) returns integer
language plpgsql as $$
#variable_conflict use_variable
declare
  removed record;
begin
  with deleted as (
    delete from rejected_event r where r.tenant = tenant and r.consumer = id returning r.*
  )
  select
    count(*)::integer as count,
    string_agg(
      format('%s of %s (position %s, idempotency key %s)',
        d.name, d.entity_id, d.event_position, d.idempotency_key),
      ', ' order by d.event_position
    ) as names
  into removed
  from deleted d;
  if removed.count > 0 then
    perform note_consumer(
      tenant, id, 'rejected_events_removed', 'millrace',
      format('%s %s rejected event(s): %s.', reason, removed.count, removed.names), latest_position
    );
  end if;
  return removed.count;
end
$$;

-- The sums of the receipts of a replay, and how many events it settled in the last minute.
create or replace function replay_counts(tenant text, consumer text, number integer)
returns table (delivered bigint, rejected bigint, filtered bigint, last_minute bigint)
language sql stable
as $$
  select
    coalesce(sum(receipt.delivered), 0)::bigint,
    coalesce(sum(receipt.rejected), 0)::bigint,
    coalesce(sum(receipt.filtered), 0)::bigint,
    coalesce(sum(receipt.delivered + receipt.rejected) filter (
      where receipt.position > position_of(clock_timestamp() - interval '1 minute')
    ), 0)::bigint
  from receipt
  where receipt.tenant = $1 and receipt.consumer = $2 and receipt.run = $3
$$;

-- The replays of a consumer, or of all consumers (null), with their progress. `state` is that of
-- the record, or in its place: 'waiting' (the consumer is stopped), 'interrupted' (the oldest
-- unsettled event has failed), or 'cancelling'. The API and the scripts both read it.
create or replace function replays_of(of_tenant text, of_consumer text)
returns table (
  tenant text, consumer text, number integer, state text, started_position bigint,
  from_position bigint, to_position bigint, filter_conditions jsonb, rate integer, total bigint,
  is_estimate boolean, delivered bigint, rejected bigint, filtered bigint, last_minute bigint,
  settled_position bigint, attempts integer, retry_at timestamptz, is_held boolean, actor text,
  ended_by text, end_reason text, ended_position bigint
)
language sql stable
as $$
select
  replay.tenant, replay.consumer, replay.number,
  case
    when replay.ended_position is not null then replay.state
    when replay.ends_as = 'cancelled' then 'cancelling'
    when consumer.status = 'stopped' then 'waiting'
    when replay.ends_as = 'failed' or cursor.attempts > 0 then 'interrupted'
    else replay.state
  end as state,
  replay.started_position, replay.from_position, replay.to_position, replay.filter_conditions,
  replay.rate, replay.total, replay.is_estimate,
  coalesce(replay.delivered, done.delivered, 0),
  coalesce(replay.rejected, done.rejected, 0),
  coalesce(replay.filtered, done.filtered, 0),
  coalesce(done.last_minute, 0),
  coalesce(
    replay.settled_position, cursor.unresolved[1] - 1, cursor.read_position,
    replay.from_position - 1
  ),
  coalesce(cursor.attempts, 0),
  case when cursor.attempts > 0 then cursor.retry_at end,
  coalesce(is_held(cursor.lease_until), false),
  replay.actor, replay.ended_by, replay.end_reason, replay.ended_position
from replay
left join consumer on consumer.tenant = replay.tenant and consumer.id = replay.consumer
left join cursor
  on cursor.tenant = replay.tenant and cursor.consumer = replay.consumer
  and cursor.run = replay.number
left join lateral (
  select *
  from replay_counts(replay.tenant, replay.consumer, replay.number)
  where replay.state = 'running'
) as done on true
where (of_tenant is null or replay.tenant = of_tenant)
  and (of_consumer is null or replay.consumer = of_consumer)
$$;

-- Replaces a consumer's secrets by the same ones sealed with another key, if its version is still
-- expected_version; returns whether it did. Nothing else changes: the consumer runs on, with its
-- attempts.
create or replace function reseal_consumer(
  tenant text, id text, expected_version integer, document jsonb, actor text, reason text,
  latest_position bigint
) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint;
  changed consumer;
begin
  perform from consumer c
  where c.tenant = tenant and c.id = id and c.version = expected_version
  for update;
  if not found then
    return false;
  end if;
  change_position := next_position(latest_position);
  update consumer c
  set version = c.version + 1, document = document
  where c.tenant = tenant and c.id = id
  returning c.* into changed;
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  ) values (
    tenant, change_position, changed.kind, id, changed.version, 'secrets_resealed', changed.status,
    actor, reason, document
  );
  perform setval('lane_position', change_position);
  return true;
end
$$;

-- Replaces the API key of a tenant's sender by the same one sealed with another key, if its version
-- is still expected_version; returns whether it did.
create or replace function reseal_notification_sender(
  tenant text, expected_version integer, document jsonb, actor text, reason text,
  latest_position bigint
) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint;
begin
  perform from notification_sender s
  where s.tenant = tenant and s.version = expected_version
  for update;
  if not found then
    return false;
  end if;
  change_position := next_position(latest_position);
  update notification_sender s
  set version = s.version + 1, document = document, changed_position = change_position
  where s.tenant = tenant;
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  ) values (
    tenant, change_position, 'sender', 'sender:sendgrid', expected_version + 1, 'secrets_resealed',
    'running', actor, reason, document
  );
  perform setval('lane_position', change_position);
  return true;
end
$$;

-- Detaches and drops a partition whose last day ended at least a day ago. It also drops a detached
-- one that a crash left behind. The service may not drop tables, so this function runs with the
-- rights of its owner. The smallest retention is one day, so the service's rights cannot remove
-- more of the log than that.
--
-- It cannot use DETACH CONCURRENTLY, which no function can run. A plain DETACH locks out publishers
-- and readers, but only for milliseconds: it moves no row. It waits at most 100 ms for current
-- users of the table, and newcomers wait as long. After that it fails (55P03): call it again.
create or replace function retire_partition(partition regclass) returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
set lock_timeout = '100ms'
as $$
declare
  parent regclass;
  is_detaching boolean;
  last_position bigint;
begin
  select
    pg_inherits.inhparent,
    pg_inherits.inhdetachpending,
    coalesce(
      substring(pg_get_expr(pg_class.relpartbound, pg_class.oid) from 'TO \(''(\d+)''\)')::bigint,
      0
    )
  into parent, is_detaching, last_position
  from pg_class
  left join pg_inherits on pg_inherits.inhrelid = pg_class.oid
  where pg_class.oid = partition
    and pg_class.relnamespace = 'public'::regnamespace
    and is_partition_name(pg_class.relname);
  if not found then
    raise exception 'The table % is no partition of the log.', partition
      using errcode = 'invalid_parameter_value';
  end if;
  if last_position > position_of(date_trunc('day', now(), 'UTC') - interval '1 day') then
    raise exception 'The partition % is too young to be removed.', partition
      using errcode = 'invalid_parameter_value';
  end if;
  if parent is not null then
    execute format('alter table %s detach partition %s %s',
      parent, partition, case when is_detaching then 'finalize' else '' end);
  end if;
  execute format('drop table %s', partition);
end
$$;

revoke execute on function retire_partition(regclass) from public;

-- Removes the rejected events of a consumer that ended before a position. Returns how many; 0 if
-- its id has a newer life.
create or replace function retire_rejected(
  tenant text, id text, ended_before bigint, latest_position bigint
) returns integer
language plpgsql as $$
#variable_conflict use_variable
declare
  ended bigint;
begin
  perform from rejected_event r
  where r.tenant = tenant and r.consumer = id
  order by r.id
  for update;
  select l.ended into ended from consumer_lives(tenant, id) l order by l.registered desc limit 1;
  -- While the lane is locked, nobody can register the id.
  perform next_position(latest_position);
  if ended is null or ended >= ended_before
    or exists (select from consumer c where c.tenant = tenant and c.id = id)
  then
    return 0;
  end if;
  return remove_rejected(
    tenant, id,
    format('It ended at %s, longer ago than the retention.', told_time(ended)),
    latest_position
  );
end
$$;

-- Revokes a key, the keys that it made, those that they made, and so on. Returns all of them, as
-- they are afterwards. A key that was revoked before stays unchanged; the keys that it made are
-- revoked all the same.
--
-- Makers are locked before the keys that they made. create_key locks its maker's row, so once a
-- level is locked, nobody can add to the next one. Each level is a separate statement: its snapshot
-- sees what was committed while the previous one waited. Two revocations meet at the topmost key
-- that they share, so they cannot deadlock. All keys are locked before the first is revoked,
-- because the trigger that writes the config log (record_key) takes the lane.
create or replace function revoke_key(
  id text, actor text, latest_position bigint default null
) returns setof api_key
language plpgsql as $$
#variable_conflict use_variable
declare
  level text[] := array[id];
  lineage text[] := '{}';
begin
  while cardinality(level) > 0 loop
    perform from api_key k where k.id = any (level) order by k.id for update;
    lineage := lineage || level;
    level := array(
      select k.id from api_key k
      where substring(k.created_by from '^API key ([0-9a-f]{12}) \(') = any (level)
    );
  end loop;
  perform set_config('millrace.latest_position', latest_position::text, true);
  update api_key k
  set revoked_at = clock_timestamp(),
    revoked_by = case
      when k.id = id then actor
      else actor || ', with ' || k.created_by || ' that made it'
    end
  where k.id = any (lineage) and k.revoked_at is null;
  return query select k.* from api_key k where k.id = any (lineage);
end
$$;

-- The settled ranges of a consumer in a range of positions, both ends included, by run and
-- configuration. Receipts give most of them. The rest stands in each cursor's window: events
-- settled out of order, under the version that read it. Only the newest life counts. Ranges
-- overlap: see keep_window.
create or replace function settled_ranges(
  tenant text, consumer text, first_position bigint, last_position bigint
)
returns table (
  run integer, configured_at bigint, version integer, names jsonb, entities jsonb, classes jsonb,
  takes_all boolean, positions int8multirange
)
language sql stable
as $$
with configuration as materialized (select * from configurations_of($1, $2)),
-- The newest life of the id: from its registration on. An id with only one life takes everything.
life as (
  select case when count(*) > 1 then max(position) else 0 end as valid_from
  from configuration
  where registers
),
-- The receipts that tell of the range. Those of the steps of a run follow each other, so the last
-- one is the first that ends at or after the range; those of keep_window overlap them. A receipt is
-- written after its events, give or take a clock that was set back.
told_range as (
  select told.*
  from generate_series(
    0, (select run from receipt where tenant = $1 and consumer = $2 order by run desc limit 1)
  ) as own (run)
  cross join life
  cross join lateral (
    (
      select run, position, version, from_position, to_position
      from receipt
      where tenant = $1 and consumer = $2 and run = own.run
        and to_position >= $3 and to_position < $4
        and position >= $3 - 86400000000 and position >= life.valid_from
        and from_position < to_position
    )
    union all
    (
      select run, position, version, from_position, to_position
      from receipt
      where tenant = $1 and consumer = $2 and run = own.run
        and to_position >= $4
        and position >= $3 - 86400000000 and position >= life.valid_from
        and from_position < to_position
        and delivered + rejected + filtered > 0
      order by to_position
      limit 1
    )
  ) as told
  union all
  select run, position, version, from_position, to_position
  from receipt
  cross join life
  where tenant = $1 and consumer = $2
    and to_position >= $3 and from_position < $4
    and position >= $3 - 86400000000 and position >= life.valid_from
    and delivered + rejected + filtered = 0
)
select
  settled.run, settled.configured_at, settled.version, filter.names, filter.entities,
  filter.classes, filter.takes_all, settled.positions
from (
  select
    told_range.run, configuration.position as configured_at,
    configuration.version, configuration.names, configuration.entities, configuration.classes,
    configuration.takes_all,
    range_agg(int8range(told_range.from_position, told_range.to_position, '(]')) as positions
  from told_range
  join configuration
    on configuration.version = told_range.version
    and told_range.position >= configuration.valid_from
    and told_range.position < configuration.valid_to
  where told_range.from_position < $4
  group by
    told_range.run, configuration.position, configuration.version, configuration.names,
    configuration.entities, configuration.classes, configuration.takes_all
  union all
  select
    cursor.run, configuration.position, configuration.version,
    configuration.names, configuration.entities, configuration.classes, configuration.takes_all,
    int8multirange(int8range(cursor.unresolved[1], cursor.read_position, '[]'))
      - (select range_agg(int8range(waiting, waiting, '[]')) from unnest(unresolved) as waiting)
  from cursor
  join lateral (
    select * from configuration
    where valid_to = 9223372036854775807
      and (version = cursor.version or cursor.version is null and document is not null)
    order by position desc
    limit 1
  ) as configuration on true
  where cursor.tenant = $1 and cursor.consumer = $2
    and cursor.unresolved <> '{}'
) as settled
cross join lateral applied_filter(
  $1, $2, settled.run, settled.names, settled.entities, settled.classes, settled.takes_all
) as filter
$$;

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

-- Starts a replay of a consumer: its events from one position to another, both included, once more,
-- beside its live stream. The range ends with what was published before the start, whatever
-- to_position says. filter_conditions replaces the consumer's own filter (null: keeps it); rate is
-- in events a second (null: no limit of its own).
--
-- outcome: 'running'; or 'queued', since another replay of the consumer comes first. Nothing is
-- done if it is 'absent' (no such consumer), 'projection' (it is rebuilt, not replayed), 'empty'
-- (the range ends before it begins), or 'full' (max_count replays of it are under way or queued).
create or replace function start_replay(
  tenant text, consumer text, from_position bigint, to_position bigint, filter_conditions jsonb,
  rate integer, actor text, reason text, max_count integer, latest_position bigint default null
) returns table (outcome text, number integer)
language plpgsql as $$
#variable_conflict use_variable
declare
  target consumer := lock_consumer(tenant, consumer);
  under_way bigint;
  last_position bigint;
begin
  select count(*) into under_way
  from replay r
  where r.tenant = tenant and r.consumer = consumer and r.ended_position is null;
  outcome := case
    when target.id is null then 'absent'
    when target.kind = 'projection' then 'projection'
    when under_way >= max_count then 'full'
    when under_way > 0 then 'queued'
    else 'running'
  end;
  if outcome not in ('queued', 'running') then
    return next;
    return;
  end if;
  -- Receipts and attempts of a replay without a record keep their number, too.
  number := 1 + greatest(
    (select max(r.number) from replay r where r.tenant = tenant and r.consumer = consumer),
    (select max(c.run) from cursor c where c.tenant = tenant and c.consumer = consumer),
    (
      select max(r.run) from receipt r
      where r.tenant = tenant and r.consumer = consumer and r.run > 0
    ),
    (
      select max(a.run) from attempt a
      where a.tenant = tenant and a.consumer = consumer and a.run > 0
    ),
    0
  );
  -- Behind every append so far: no event can appear in the range any more.
  last_position := least(to_position, next_position(latest_position));
  if from_position > last_position then
    outcome := 'empty';
    number := null;
    return next;
    return;
  end if;
  perform note_consumer(
    tenant, consumer, 'replay_started', actor,
    format('Replay %s of what was published from %s to %s%s%s. %s', number,
      told_time(from_position), told_time(last_position),
      case when filter_conditions is not null then format(', by %s', filter_conditions) end,
      case when rate is not null then format(', at most %s events a second', rate) end, reason),
    latest_position
  );
  insert into replay (
    tenant, consumer, number, started_position, from_position, to_position, filter_conditions,
    rate, state, actor
  ) values (
    tenant, consumer, number, pg_sequence_last_value('lane_position'), from_position,
    last_position, filter_conditions, rate, 'queued', actor
  );
  perform begin_replay(tenant, consumer);
  return next;
end
$$;

-- Whether a configuration takes an event. Alerts, the events of the entity millrace, are taken only
-- if they are named, and never by the consumer that they are about.
create or replace function takes_event(
  takes_all boolean, names jsonb, entities jsonb, classes jsonb, name text, entity_id text,
  consumer text
) returns boolean
language sql immutable parallel safe
return (
    (takes_all and name not like 'millrace.%')
    or coalesce(names ? name, false)
    or coalesce(entities ? split_part(name, '.', 1), false)
  )
  and (classes is null or classes ? event_class(name))
  and not (name like 'millrace.%' and entity_id = consumer);

-- The moment of a position: the inverse of position_of.
create or replace function time_of("position" bigint) returns timestamptz
language sql immutable strict parallel safe
return timestamptz 'epoch' + "position" * interval '1 microsecond';

-- The moment of a position as text for reasons: RFC 3339, UTC, in microseconds.
create or replace function told_time("position" bigint) returns text
language sql stable strict parallel safe
return to_char(time_of("position") at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- A header traceparent of W3C Trace Context as the log keeps it; null if it is malformed. A later
-- version is kept as version 00, with the one flag that both have: it was sampled. The same rule as
-- in src/input/traceparent.ts.
create or replace function traceparent_of(header text) returns text
language sql immutable parallel safe
return case
  when header !~
    '^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-|$)'
    then null
  when header not like '00-%' then
    '00-' || substr(header, 4, 50)
      || case when substr(header, 55, 1) ~ '[13579bdf]' then '01' else '00' end
  when length(header) = 55 then header
end;
