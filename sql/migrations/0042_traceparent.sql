-- An event keeps the trace in which it was published (W3C Trace Context), for its receivers. A
-- column without a default is a change of the catalogue only: no row is written. Nor are rows read
-- for the rule, since none has a trace yet. Old processes survive it: they append without a trace,
-- and their workers pass none on.

alter table event
  add column traceparent text,
  add constraint traceparent_is_valid
    check (traceparent ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$') not valid;

comment on column event.traceparent is
  'The trace and the span in which it was published, as traceparent_of keeps it; null: none.';
