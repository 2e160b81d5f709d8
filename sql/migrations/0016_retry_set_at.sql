-- When the time of a retry was written: a clock that is before that was set back, and the time of
-- the retry means nothing (is_due). Old processes survive this migration: they leave it as it is,
-- and a moment that is past changes nothing.
alter table cursor add column retry_set_at timestamptz;
alter table notification_run add column retry_set_at timestamptz;
