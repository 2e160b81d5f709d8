// Rejected events that several want at the same time: to send them again, to delete them, to use
// the id anew. What was sent is recorded as sent, what was deleted as deleted, each once.

import { describe, expect, it } from 'vitest'
import { until } from '../../scripts/kit/until.ts'
import { makeKey, revoke } from '../access/callers.ts'
import { useRefusals } from '../helpers/refusals.ts'
import { pick, rowsOf } from '../sql/rows.ts'

const stage = useRefusals()
const { refused, tenantWith } = stage
type Own = Awaited<ReturnType<typeof tenantWith>>

/** A replay that waits for its rejected events, all of which the receiver takes from now on. */
async function waiting(count: number): Promise<Own> {
  const own = await tenantWith(count, count)
  await own.replay()
  await own.waits()
  for (const position of own.positions) refused.delete(position)
  return own
}

/** Retries all, and does something else while the first of them is under way. */
async function retryWhile(
  own: Own,
  meanwhile: () => Promise<unknown>,
  token?: string,
): Promise<unknown> {
  const { answer } = stage.receiver
  let release = () => {}
  const asked = new Promise<void>((resolve) => {
    stage.receiver.answer = (request, response) => {
      stage.receiver.answer = answer
      release = () => answer(request, response)
      resolve()
    }
  })
  const retried = own.on('/rejected_events/_retry', 'POST', token)
  await asked
  await meanwhile()
  release()
  return (await retried).body
}

it('what is deleted while it is sent counts as deleted, and its record says that it was', async () => {
  const own = await waiting(3)
  const before = stage.receiver.received.length
  const answered = await retryWhile(own, async () => {
    expect((await own.on('/rejected_events', 'DELETE')).body).toEqual({ deleted: 3 })
  })
  expect(answered).toEqual({ delivered: 0 })
  expect(stage.receiver.received.length).toBe(before + 1)
  const sent = (await own.logs()).filter(({ action }) => action === 'rejected_event_delivered')
  expect(pick(sent, 'reason')).toEqual([
    [
      expect.stringMatching(
        /^Sent again and accepted: HTTP status code 200, .*deleted or accepted mean/,
      ),
    ],
  ])
  expect(await own.completions()).toEqual([expect.stringContaining('0 delivered, 3 rejected.')])
})

it('what is taken away before it is sent is not sent', async () => {
  const own = await waiting(2)
  const [second, first] = await own.events()
  const answered = await retryWhile(own, () => own.on(`/rejected_events/${second?.id}`, 'DELETE'))
  expect(answered).toEqual({ delivered: 1 })
  expect(await own.completions()).toEqual([
    expect.stringContaining('0 delivered, 2 rejected (1 of them taken later).'),
  ])
  const counts = { delivered: 0, rejected: 2, taken_later: 1 }
  expect((await own.on('/stats')).body).toMatchObject({
    status: 'completed',
    last_delivery_at: expect.any(String),
    replay: { ...counts, total: 2, estimated_seconds_left: 0 },
  })
  const progress = await rowsOf(stage.database.url, 'replay/progress', `tenant=${own.tenant}`)
  expect(progress).toMatchObject([{ run: 1, state: 'completed', ...counts, events_left: 0 }])
  expect((await own.on(`/rejected_events/${first?.id}/_retry`, 'POST')).status).toBe(404)
})

it('what an earlier integration of the id had kept is no record of the next one', async () => {
  const own = await waiting(1)
  const answered = await retryWhile(own, async () => {
    await own.on('', 'DELETE')
    await own.permanent()
  })
  expect(answered).toEqual({ delivered: 0 })
  const actions = (await own.logs()).map(({ action }) => action)
  expect(actions).toEqual(['rejected_events_removed', 'integration_started'])
})

describe('what is not sent yet is not sent to a target of before', () => {
  it.each([
    ['stopped', (own: Own) => own.on('/_stop', 'POST')],
    ['deleted', (own: Own) => own.on('', 'DELETE')],
  ])('of one that was %s', async (_, change) => {
    const own = await tenantWith(3, 3)
    await own.permanent()
    await until('they are rejected', async () => (await own.events()).length === 3)
    for (const position of own.positions) refused.delete(position)
    const before = stage.receiver.received.length
    expect(await retryWhile(own, () => change(own))).toMatchObject({
      error_code: 'conflict',
      message: expect.stringContaining('after 1 delivered event(s)'),
    })
    expect(stage.receiver.received.length).toBe(before + 1)
    expect(await own.events()).toHaveLength(2)
  })

  it('not by the worker of a stopped one, which releases it', async () => {
    const own = await tenantWith(2, 2)
    await own.permanent()
    await until('they are rejected', async () => (await own.events()).length === 2)
    await own.on('/_stop', 'POST')
    for (const position of own.positions) refused.delete(position)
    const hold = (seconds: number | null) =>
      stage.database.admin.pool.query(
        `update cursor
        set owner = case when $2::integer is not null then gen_random_uuid() end,
          lease_until = clock_timestamp() + $2 * interval '1 second'
        where tenant = $1`,
        [own.tenant, seconds],
      )
    // As if a request of the worker were still open.
    await hold(60)
    expect((await own.on('')).body).toMatchObject({ status: 'running' })
    expect(await retryWhile(own, () => hold(null))).toEqual({ delivered: 2 })
  })

  it('by a key that was revoked', async () => {
    const own = await waiting(3)
    const { url } = stage.service
    const key = await makeKey(url, { tenants: [own.tenant], scopes: ['configure'] })
    const answered = await retryWhile(own, () => revoke(url, key.id), key.token)
    expect(answered).toMatchObject({ error_code: 'unauthorized' })
    expect(await own.events()).toHaveLength(2)
  })
})

it('four are under way at once, and no more', async () => {
  const own = await waiting(5)
  const open: (() => void)[] = []
  const { answer } = stage.receiver
  stage.receiver.answer = (request, response) => void open.push(() => answer(request, response))
  const events = await own.events()
  const replies = events.slice(1).map(({ id }) => own.on(`/rejected_events/${id}/_retry`, 'POST'))
  await until('four are under way', () => open.length === 4)
  const fifth = await own.on('/rejected_events/_retry', 'POST')
  expect([fifth.status, fifth.headers['retry-after']]).toEqual([429, '1'])
  stage.receiver.answer = answer
  for (const end of open) end()
  for (const { status } of await Promise.all(replies)) expect(status).toBe(200)
})

it('two that retry all and one that deletes all share them', async () => {
  const own = await waiting(9)
  const before = stage.receiver.received.length
  const replies = await Promise.all([
    own.on('/rejected_events/_retry', 'POST'),
    own.on('/rejected_events/_retry', 'POST'),
    own.on('/rejected_events', 'DELETE'),
  ])
  const counts = replies.map(({ body }) => Number(body['delivered'] ?? body['deleted'] ?? 0))
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(9)
  const { rows } = await stage.database.pool.query(
    `select reason from attempt where tenant = $1 and outcome = 'delivered'`,
    [own.tenant],
  )
  expect(rows).toHaveLength(stage.receiver.received.length - before)
  const removing = rows.filter(({ reason }) => !reason.includes('meanwhile'))
  const deleted = Number(replies[2]?.body['deleted'])
  expect(removing).toHaveLength(9 - deleted)
  expect(await own.completions()).toHaveLength(1)
})
