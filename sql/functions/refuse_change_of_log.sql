-- The trigger that makes the log, and the other evidence of audits, append-only.
create or replace function refuse_change_of_log() returns trigger
language plpgsql as $$
begin
  raise exception 'The log is append-only: % of % is refused.', tg_op, tg_table_name
    using errcode = 'MR003', hint = 'Publish a new event that corrects the old one.';
end
$$;
