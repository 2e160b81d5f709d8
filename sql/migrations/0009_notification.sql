-- Notification jobs: what runs when, what each run did, who was told what, and the shop as the log
-- tells it. Old processes survive this migration: they know no jobs.

alter table config_log drop constraint kind_is_known;
alter table config_log
  add constraint kind_is_known check (
    kind in ('integration', 'subscription', 'projection', 'job', 'sender')
  );

-- A projection of config_log. The lease is the mutual exclusion between workers, as a cursor's is.
create table notification_job (
  tenant text not null,
  id text not null,
  version integer not null,
  -- What the API shows, without its id.
  document jsonb not null,
  created_position bigint not null,
  changed_position bigint not null,
  -- What the shop did up to here, earlier runs have looked at.
  through_position bigint not null,
  -- Null: it does not run by itself.
  next_run_at timestamptz,
  owner uuid,
  epoch bigint not null default 0,
  lease_until timestamptz,
  primary key (tenant, id),
  constraint id_is_word check (id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$'),
  constraint notification_is_known check (
    document ->> 'notification' in ('BACK_IN_STOCK', 'PRICE_DROP', 'WISHLIST_REMINDER')
  ),
  constraint owner_has_lease check ((owner is null) = (lease_until is null))
);

create index notification_job_due on notification_job (next_run_at) where next_run_at is not null;

-- One row for each run, made when it is asked for. Its window is (from_position, to_position] of
-- the log. Counts are of customers, but for `notices`: those are the lines of the ledger that were
-- sent.
create table notification_run (
  tenant text not null,
  job_id text not null,
  id uuid not null default gen_random_uuid(),
  position bigint not null,
  cause text not null,
  -- The tick of the schedule that it is for.
  tick_at timestamptz,
  state text not null default 'queued',
  from_position bigint,
  to_position bigint,
  attempts integer not null default 0,
  retry_at timestamptz,
  found integer not null default 0,
  sent integer not null default 0,
  notices integer not null default 0,
  rejected integer not null default 0,
  withheld integer not null default 0,
  unconfirmed integer not null default 0,
  reason text,
  started_at timestamptz,
  finished_at timestamptz,
  primary key (tenant, job_id, id),
  constraint tick_runs_once unique (tenant, job_id, tick_at),
  constraint cause_is_known check (cause in ('schedule', 'manual')),
  constraint tick_is_of_schedule check ((cause = 'schedule') = (tick_at is not null)),
  constraint state_is_known check (state in ('queued', 'running', 'completed', 'failed')),
  constraint started_has_window check (
    state = 'queued' or num_nonnulls(started_at, from_position, to_position) = 3
  ),
  constraint over_has_end check ((state in ('completed', 'failed')) = (finished_at is not null)),
  constraint failed_has_reason check (state <> 'failed' or reason is not null)
);

create index notification_run_by_time on notification_run (tenant, job_id, position);
-- A job has one run at a time; the sweep looks for those that are not over.
create unique index notification_run_open on notification_run (tenant, job_id)
where state in ('queued', 'running');

-- With what a tenant's mails are sent; the key is sealed in the document. Without a row: with what
-- the operator set.
create table notification_sender (
  tenant text primary key,
  version integer not null,
  document jsonb not null,
  changed_position bigint not null
);

-- One change of a job: compare-and-set on its version, 0 where there is to be none yet. Returns the
-- position of the change, or null where the version is another by now and nothing was changed. The
-- first job of a tenant begins the projections of its shop, from the start of the retained log. A
-- new job looks at what happens after its own creation.
create function change_notification_job(
  tenant text, id text, expected_version integer, document jsonb, action text, actor text,
  reason text, next_run_at timestamptz
) returns bigint
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint;
  changed notification_job;
  shop_filter jsonb := '{"filter_conditions": {"entity_filter":
    ["customer", "wishlist", "product", "variant_product", "price", "inventory_level"]}}';
  status text := case
    when (document ->> 'deleted')::boolean then 'removed'
    when (document ->> 'is_active')::boolean and (document ->> 'is_scheduled')::boolean
      then 'running'
    else 'stopped'
  end;
begin
  if not exists (select from consumer c where c.tenant = tenant and c.id = 'projection:shop') then
    perform register_consumer(
      tenant, 'projection', 'projection:shop', shop_filter, 'running', 'projection_started',
      'millrace', 'The first notification job needs it.', 0, null, 1
    );
  end if;
  change_position := next_position();
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
    where j.tenant = tenant and j.id = id and j.version = expected_version
    returning j.* into changed;
  end if;
  if changed.id is null then
    return null;
  end if;
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  ) values (
    tenant, change_position, 'job', 'job:' || id, changed.version, action, status, actor, reason,
    case when status = 'removed' then null else document end
  );
  perform setval('lane_position', change_position);
  return change_position;
end
$$;

-- An entry of the log that changes nothing: a run that failed.
create function note_notification_job(tenant text, id text, action text, reason text) returns void
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint := next_position();
begin
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  )
  select
    j.tenant, change_position, 'job', 'job:' || j.id, newest.version, action, newest.status,
    'millrace', reason, newest.document
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

-- One change of a tenant's sender; document: null removes it. Returns whether anything was changed.
create function change_notification_sender(
  tenant text, document jsonb, actor text, reason text
) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint := next_position();
  changed_version integer;
begin
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

-- The ledger: one row for each customer, item and occasion (the restock or the price drop at that
-- position of the log; a reminder's is its run, and its item is ''). The key is what makes a notice
-- go out once, whichever job tells it. States: `due`, it surely has not left; `sending`, from just
-- before the request until its answer; then `sent`, `rejected` (400), `withheld` (nothing to tell,
-- or nobody to tell it to) or `unconfirmed` (it may have left, the answer is not known).
create table notice (
  tenant text not null,
  notification text not null,
  position bigint not null,
  customer_id text not null,
  item_id text not null,
  job_id text not null,
  run_id uuid not null,
  state text not null default 'due',
  -- Of a price drop: what it cost before.
  previous_price numeric,
  currency text,
  reason text,
  primary key (tenant, notification, position, customer_id, item_id),
  constraint state_is_known check (
    state in ('due', 'sending', 'sent', 'rejected', 'withheld', 'unconfirmed')
  )
);

-- What a job has yet to send, in the order in which it does.
create index notice_open on notice (tenant, job_id, customer_id)
where state in ('due', 'sending');
create index notice_rejected on notice (tenant, run_id, customer_id) where state = 'rejected';
