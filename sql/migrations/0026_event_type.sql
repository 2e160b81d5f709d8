-- Which event names a tenant has published, and when each one last: read off the log behind it, so
-- that publishing pays nothing for it (sql/functions/read_event_types.sql). Names outlive the
-- retention of their events. Old processes survive this migration: nothing of theirs is touched.

create table event_type (
  tenant text not null,
  -- In the order of its bytes, so that pages do not depend on the database's language.
  name text collate "C" not null,
  last_position bigint not null,
  primary key (tenant, name)
);

-- How far the log of a tenant was read for its names.
create table event_type_reader (
  tenant text primary key,
  read_position bigint not null
);
