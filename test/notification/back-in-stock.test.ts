// A shop whose 300 items go out of and into stock twice: its 1,000 customers get exactly the
// notices that a recomputation from the raw events gives, each once; also where the service is
// killed in the middle of the runs, three times.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { call } from '../../scripts/kit/client.ts'
import { createJob, JOBS, runOver, runsOf, type ShownRun } from '../../scripts/kit/jobs.ts'
import { useDatabase } from '../helpers/database.ts'
import {
  type SendGrid,
  senderSettings,
  startSendGrid,
  type TakenMail,
} from '../helpers/sendgrid.ts'
import { type Service, startService } from '../helpers/service.ts'
import { projected, tell } from '../helpers/shop.ts'
import { opening, recompute, toldBy, turn } from './scenario.ts'

const database = useDatabase()
const LIMIT = 3
let sendgrid: SendGrid
let service: Service
const start = () =>
  startService('start', {
    DATABASE_URL: database.url,
    ...senderSettings(sendgrid),
    MILLRACE_LEASE_MS: '1000',
    MILLRACE_SWEEP_MS: '100',
    MILLRACE_LOG_LEVEL: 'warn',
  })
beforeAll(async () => {
  sendgrid = await startSendGrid()
  service = await start()
})
afterAll(() => Promise.all([service.kill('SIGKILL'), sendgrid.close()]))

/**
 * Tells a turn, runs the job, and gives what came and the run. `kills`: at which of its requests.
 */
async function tellAndRun(seed: number, kills: ('unanswered' | 'answered')[] = []) {
  const position = await tell(database, turn(seed))
  await projected(database, position)
  sendgrid.taken = []
  const asked = await call<ShownRun>(`${service.url}${JOBS}/back-in-stock/_run`, { method: 'POST' })
  for (const kind of kills) {
    const before = service
    let died: Promise<unknown> | undefined
    let requests = 0
    await new Promise<void>((resolve) => {
      sendgrid.answer = (response, accept) => {
        // Those of a process that is about to die may still be on their way.
        if (died) return response.destroy()
        accept()
        if (++requests < 2) return response.writeHead(202).end()
        died = before.kill('SIGKILL')
        if (kind === 'answered') response.writeHead(202).end()
        void died.then(() => resolve())
      }
    })
    sendgrid.answer = undefined
    service = await start()
  }
  const run = await runOver(service.url, asked.body.id)
  return { position, run, mails: sendgrid.taken }
}

/** What came is what was to come; `told` has the items by customer. */
function expectNotices(mails: TakenMail[], told: Map<string, string[]>): void {
  const counts = new Map([...told].map(([customer, items]) => [customer, items.length]))
  const came = toldBy(mails, LIMIT)
  expect(new Map([...came].sort())).toEqual(new Map([...counts].sort()))
  for (const { data } of mails) {
    const due = told.get(data.customer_id) ?? []
    expect(data.items.filter(({ item_id }) => !due.includes(item_id))).toEqual([])
  }
}

it('each notice comes once, killed or not, and the runs say how many', async () => {
  await createJob(service.url, { number_of_items_in_email: LIMIT })
  const opened = await tell(database, opening())
  await projected(database, opened)

  const calm = await tellAndRun(1)
  const killed = await tellAndRun(2, ['unanswered', 'answered'])
  const again = await tellAndRun(3, ['unanswered'])
  const windows = [opened, calm.position, killed.position, again.position]
  const told = await recompute(database, [
    [windows[0] as number, windows[1] as number],
    [windows[1] as number, windows[2] as number],
    [windows[2] as number, windows[3] as number],
  ])
  for (const [index, { mails, run }] of [calm, killed, again].entries()) {
    const expected = told[index] as Map<string, string[]>
    expect(expected.size).toBeGreaterThan(700)
    expectNotices(mails, expected)
    const { state, sent, unconfirmed } = run as ShownRun & Record<string, number>
    expect(state).toBe('completed')
    expect((sent as number) + (unconfirmed as number)).toBe(expected.size)
    if (index === 0) {
      const notices = [...expected.values()].reduce((sum, items) => sum + items.length, 0)
      expect(run).toMatchObject({ unconfirmed: 0, rejected: 0, notices })
    }
  }
  // An accepted request whose answer was never read.
  expect(killed.run['unconfirmed']).toBeGreaterThan(0)
  expect(again.run['unconfirmed']).toBeGreaterThan(0)
  expect(sendgrid.requests).toBeGreaterThan(10)
  expect(await runsOf(service.url)).toHaveLength(3)
  const { rows } = await database.pool.query(
    `select count(*)::integer as open from notice where state in ('due', 'sending')`,
  )
  expect(rows).toEqual([{ open: 0 }])
})
