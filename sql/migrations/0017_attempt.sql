-- A change of configuration whose answer was lost is sent again. Every change writes an entry of
-- the config log, and the entry keeps the id of the attempt that made it: sent again, the same
-- attempt is recognised and changes nothing (change_of_attempt). Old processes survive this
-- migration: their changes have no attempt.

-- A setting of the transaction, so that no function that writes entries has to hand it on.
alter table config_log
  add column attempt uuid default nullif(current_setting('millrace.attempt', true), '')::uuid;
