-- Under which version of the configuration a cursor has read its window (what is unresolved and
-- what lies between): see keep_window. Null: not known. Old processes survive this migration: they
-- leave it as it is, and what they read under a newer version is told of as of the older one.
alter table cursor add column version integer;
