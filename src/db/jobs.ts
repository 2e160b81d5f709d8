// Names and payload types of the jobs. Who enqueues one knows these, never the handler.

/** Which cursor a job advances. */
export type AdvanceJob = { tenant: string; consumer: string; run: number }

/** Which notification job may have something to do. */
export type NotifyJob = { tenant: string; jobId: string }

/** The payload of each task. */
export type Payloads = { advance: AdvanceJob; replay: AdvanceJob; notify: NotifyJob }

export const tasks = {
  /** Delivers to one consumer until there is nothing more to send, or its time slice is over. */
  advance: 'advance',
  /** The same for a replay, a cursor that has an end: with places of its own in each worker. */
  replay: 'replay',
  /** Runs a notification job, if its time has come. */
  notify: 'notify',
} as const

/** One waiting job per cursor for a wake-up and one for a retry: neither can replace the other. */
export function jobKey(purpose: 'wake' | 'retry', job: AdvanceJob): string {
  return `${purpose}:${consumerKey(job)}`
}

/** What names a cursor in the tables of a process. */
export function consumerKey({ tenant, consumer, run }: AdvanceJob): string {
  return `${tenant}/${consumer}/${run}`
}

/** One waiting job of the runner for each notification job. */
export function notifyKey({ tenant, jobId }: NotifyJob): string {
  return `notify:${tenant}/${jobId}`
}
