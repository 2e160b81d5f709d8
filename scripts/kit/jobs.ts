// Notification jobs, as clients create and run them.

import { call, type Reply } from './client.ts'
import { until } from './until.ts'

export const JOBS = '/api/v1/jobs'

/** A valid job, with `changes`. */
export const aJob = (changes: object = {}) => ({
  id: 'back-in-stock',
  notification: 'BACK_IN_STOCK',
  schedule: '0 9 1 1 *',
  template_id: 'd-1',
  number_of_items_in_email: 3,
  job_parameters: { campaign_id: 'autumn', utm_medium: 'mail' },
  ...changes,
})

/** Creates a job; throws if the answer is not 201. */
export async function createJob(url: string, changes: object = {}): Promise<Reply> {
  const reply = await call(url + JOBS, { body: JSON.stringify(aJob(changes)) })
  if (reply.status !== 201) throw new Error(JSON.stringify(reply))
  return reply
}

export type ShownRun = {
  id: string
  state: 'queued' | 'running' | 'completed' | 'failed'
  [field: string]: unknown
}

/** Runs a job now, and waits until the run is over. */
export async function runNow(url: string, id = 'back-in-stock'): Promise<ShownRun> {
  const asked = await call<ShownRun>(`${url}${JOBS}/${id}/_run`, { method: 'POST' })
  if (asked.status !== 201) throw new Error(JSON.stringify(asked))
  return runOver(url, asked.body.id, id)
}

/** Waits until a run is over. */
export function runOver(url: string, run: string, id = 'back-in-stock'): Promise<ShownRun> {
  return until(`the run ${run} is over`, async () => {
    const found = (await runsOf(url, id)).find((one) => one.id === run)
    return found && ['completed', 'failed'].includes(found.state) && found
  })
}

export async function runsOf(url: string, id = 'back-in-stock'): Promise<ShownRun[]> {
  const { body } = await call<{ runs: ShownRun[] }>(`${url}${JOBS}/${id}/runs`)
  return body.runs
}
