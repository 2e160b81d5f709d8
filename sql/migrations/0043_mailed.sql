-- The ledger says when a mail left, so that a job can spare customers who had enough of them in a
-- week. Only the catalogue changes: no row is written, and none is read for the rule. The new
-- indexes are empty, but building them reads the ledger once, and runs wait meanwhile. Old
-- processes survive this migration: mails that their workers send do not count.

alter table notice
  add column mailed_at timestamptz,
  drop constraint state_is_known,
  add constraint state_is_known check (
    state in ('due', 'sending', 'sent', 'rejected', 'withheld', 'unconfirmed', 'capped')
  ) not valid;

comment on column notice.mailed_at is
  'When its mail left, or may have left; the notices of one mail share it. Null: it has not.';
comment on column notice.state is
  'due: it has not left. sending: from just before the request until its answer. Then sent, '
  'rejected (400), withheld (nothing, or nobody, to tell), or unconfirmed (it may have left). '
  'capped: its customer has had enough mails; it is due again with the next run.';

alter table notification_run
  add column capped integer not null default 0;

comment on column notification_run.capped is
  'Customers who have had enough mails: their notices wait for the next run.';

-- The mails of a customer in a week.
create index notice_mailed on notice (tenant, customer_id, mailed_at) where mailed_at is not null;
-- What the next run of a job makes due again.
create index notice_capped on notice (tenant, job_id) where state = 'capped';
