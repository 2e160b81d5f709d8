-- The jobs that count: those that are not deleted. And the order of the list. Old processes survive
-- this migration.
create index notification_job_kept
on notification_job (tenant) where not (document ->> 'deleted')::boolean;

create index notification_job_by_age on notification_job (tenant, created_position);
