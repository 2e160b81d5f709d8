// Names and payload types of the jobs. Code that enqueues a job knows these, never the handler.

/** Names the cursor that a job advances. */
export type AdvanceJob = { tenant: string; consumer: string; run: number }

/** Names a notification job that may have work. */
export type NotifyJob = { tenant: string; jobId: string }

/** The payload of each task. */
export type Payloads = { advance: AdvanceJob; replay: AdvanceJob; notify: NotifyJob }

export const tasks = {
  /** Delivers to one consumer until nothing is left to send, or its time slice is over. */
  advance: 'advance',
  /** The same for a replay, a cursor with an end. Replays have their own slots in each worker. */
  replay: 'replay',
  /** Runs a notification job, if it is due. */
  notify: 'notify',
} as const

/** One waiting job per cursor for a wake-up, and one for a retry: neither can replace the other. */
export function jobKey(purpose: 'wake' | 'retry', job: AdvanceJob): string {
  return `${purpose}:${consumerKey(job)}`
}

/** The key of a cursor in a process's maps. */
export function consumerKey({ tenant, consumer, run }: AdvanceJob): string {
  return `${tenant}/${consumer}/${run}`
}

/** One waiting job of the runner for each notification job. */
export function notifyKey({ tenant, jobId }: NotifyJob): string {
  return `notify:${tenant}/${jobId}`
}
