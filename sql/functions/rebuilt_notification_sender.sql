-- The table `notification_sender` according to the config log alone: see newest_configuration.
create or replace function rebuilt_notification_sender()
returns table (tenant text, version integer, document jsonb, changed_position bigint)
language sql stable
as $$
select tenant, version, document, changed_position
from newest_configuration()
where id = 'sender:sendgrid' and status <> 'removed'
$$;
