-- An event that holds up a stream may be skipped: it is kept among the rejected events, and the
-- record of it is an attempt of its own. An event that was sent again by hand has a record, too.
-- Old processes survive this migration: what they reject is 'rejected' by default. The new check of
-- attempts reads the table once.

alter table rejected_event
  add column cause text not null default 'rejected',
  alter column status drop not null,
  add constraint cause_is_known check (cause in ('rejected', 'skipped')),
  add constraint rejection_has_status check (cause = 'skipped' or status is not null);

comment on table rejected_event is
  'Events that a target answered with 400, or that somebody skipped: kept, past the retention '
  'of the log too, until somebody sends them again or deletes them.';
comment on column rejected_event.cause is
  'rejected (by the target), or skipped (by a person, since it held up the stream).';
comment on column rejected_event.status is
  'The status of HTTP; null if a skipped event had no answer.';
comment on column rejected_event.response is
  'How the answer''s body began (secrets masked); without an answer, why it failed.';

alter table attempt
  drop constraint outcome_is_known,
  add constraint outcome_is_known check (
    outcome in ('rejected', 'refused', 'unavailable', 'delivered', 'skipped', 'resent')
  );

comment on column attempt.attempt is
  '1 for the first try of the stream; 0 for one by hand; of a skip, the last try before it.';
comment on column attempt.outcome is
  'rejected (400; 413 if it is too large), refused (the target takes nothing more), unavailable '
  '(to be tried again), delivered (a rejected event, sent again by hand), skipped (by a person), '
  'or resent (an event of the log, sent again by hand and taken).';
