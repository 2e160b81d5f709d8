-- Question: which notification jobs run when, and what did their last runs do?
-- Reads only.
-- tenant=dodici: the retailer (without: all)

\if :{?tenant} \else \set tenant '' \endif
set time zone 'UTC';

-- `due` counts notices that were found but not sent. Those of a failed run stay until the next run
-- sends them. `capped` counts those whose customers have had enough mails; they wait as well.
select
  job.tenant,
  job.id as job,
  job.document ->> 'notification' as notification,
  job.document ->> 'schedule' as schedule,
  job.next_run_at,
  last_run.state as last_state,
  last_run.started_at as last_started_at,
  last_run.sent,
  last_run.rejected,
  last_run.unconfirmed,
  last_run.retry_at,
  last_run.reason,
  (
    select count(*)
    from notice
    where notice.tenant = job.tenant and notice.job_id = job.id and notice.state = 'due'
  ) as due,
  (
    select count(*)
    from notice
    where notice.tenant = job.tenant and notice.job_id = job.id and notice.state = 'capped'
  ) as capped
from notification_job as job
left join lateral (
  select *
  from notification_run as run
  where run.tenant = job.tenant and run.job_id = job.id
  order by run.position desc
  limit 1
) as last_run on true
where (job.tenant = :'tenant' or :'tenant' = '')
  and not (job.document ->> 'deleted')::boolean
order by job.tenant, job.created_position;
