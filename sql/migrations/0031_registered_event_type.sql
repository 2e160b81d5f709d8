-- Event types that a tenant has registered, with a JSON Schema for their events. They are
-- configuration: config_log has every change, and the table is a projection of it. Old processes
-- survive this migration: they write no entry of the new kind, and publish without checking it.

alter table config_log
  drop constraint kind_is_known,
  add constraint kind_is_known check (
    kind in ('integration', 'subscription', 'projection', 'job', 'sender', 'key', 'event_type')
  );

comment on column config_log.kind is
  'What was changed: a consumer, a job, a sender, a key or an event type.';
comment on column config_log.id is
  'The id of what was changed, unique among all kinds: "erp-1", "subscription:crm",
  "projection:shop", "job:weekly", "sender:sendgrid", "key:0123456789ab",
  "event_type:order.created".';

create table registered_event_type (
  tenant text not null,
  name text collate "C" not null,
  version integer not null,
  document jsonb not null,
  changed_position bigint not null,
  primary key (tenant, name),
  constraint name_is_entity_action check (
    length(name) <= 255 and name ~ '^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+$'
  ),
  constraint document_has_schema check (
    jsonb_typeof(document -> 'schema') = 'object'
    and document ->> 'on_violation' in ('reject', 'warn')
  )
);

comment on table registered_event_type is
  'Event types that a tenant has registered: the newest document of each, as config_log has it.';
comment on column registered_event_type.name is 'The name of their events, such as order.created.';
comment on column registered_event_type.version is
  'The version of the document; a change names the one it saw. It never begins anew.';
comment on column registered_event_type.document is
  'schema, a JSON Schema for payloads; on_violation, reject or warn; description; deprecated.';
comment on column registered_event_type.changed_position is
  'The position of its last change in config_log.';
