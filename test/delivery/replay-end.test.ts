// A replay whose events were rejected: it stays until the last of them is retried or deleted, and
// then it completes, once.

import { describe, expect, it } from 'vitest'
import { call, EVENTSTREAM } from '../../scripts/kit/client.ts'
import { until } from '../../scripts/kit/until.ts'
import { limits } from '../../src/config.ts'
import { useRefusals } from '../helpers/refusals.ts'

const stage = useRefusals()
const { refused, tenantWith } = stage

describe('a replay whose events were rejected', () => {
  it('is stopped at its end, says why, and completes when the last one is taken', async () => {
    const own = await tenantWith(4, 2)
    await own.replay()
    expect((await own.waits()).reason).toMatch(
      /: 2 delivered, 2 rejected\. 2 rejected event\(s\) are kept; it completes when the last/,
    )
    expect((await own.on('')).body).toMatchObject({ status: 'stopped' })
    const counts = { delivered: 2, rejected: 2, taken_later: 0, total: 4 }
    expect((await own.on('/stats')).body).toMatchObject({ status: 'stopped', replay: counts })
    const [second = '', first = ''] = (await own.events()).map(({ id }) => id)
    const retry = (id: string) => own.on(`/rejected_events/${id}/_retry`, 'POST')
    expect((await retry(first)).status).toBe(502)
    for (const position of own.positions) refused.delete(position)
    expect((await retry(first)).status).toBe(200)
    expect((await own.on('')).body).toMatchObject({ status: 'stopped' })
    expect((await retry(second)).status).toBe(200)
    expect((await own.on('')).status).toBe(404)
    expect(await own.completions()).toEqual([
      expect.stringMatching(
        /^Everything up to [\d-]{10}T[\d:.]{15}Z was .* 2 rejected \(2 of them taken later\)\.$/,
      ),
    ])
    // Known for a while yet.
    expect((await own.logs())[0]?.action).toBe('integration_completed')
    expect(await own.events()).toEqual([])
    const left = { ...counts, taken_later: 2, estimated_seconds_left: 0 }
    expect((await own.on('/stats')).body).toMatchObject({ status: 'completed', replay: left })
    const reply = await own.on('/rejected_events/_retry', 'POST')
    expect(reply).toMatchObject({ status: 404, body: { message: /has completed/ } })
  })

  it('completes when the last one is deleted, by one request or by many', async () => {
    const own = await tenantWith(3, 3)
    await own.replay()
    await own.waits()
    const [one] = await own.events()
    expect((await own.on(`/rejected_events/${one?.id}`, 'DELETE')).status).toBe(200)
    expect((await own.on('')).status).toBe(200)
    expect((await own.on('/rejected_events', 'DELETE')).body).toEqual({ deleted: 2 })
    expect((await own.on('')).status).toBe(404)
    expect(await own.completions()).toEqual([expect.stringContaining('0 delivered, 3 rejected.')])
    expect((await own.logs()).map(({ action }) => action).slice(0, 3)).toEqual([
      'integration_completed',
      'rejected_event_deleted',
      'rejected_event_deleted',
    ])
  })

  it('returns to its stop when it is started, and stays where it stands', async () => {
    const own = await tenantWith(2, 1)
    await own.replay()
    const { reason } = await own.waits()
    const before = stage.receiver.received.length
    expect((await own.on('/_start', 'POST')).status).toBe(200)
    await until('it is stopped again', async () => {
      const stops = (await own.logs()).filter((entry) => entry.action === 'integration_stopped')
      return stops.length === 2 && stops[0]?.reason === reason
    })
    expect((await own.on('')).body).toMatchObject({ status: 'stopped' })
    expect(stage.receiver.received.length).toBe(before)
    // It is one of the ten.
    const { body } = await call(stage.service.url + EVENTSTREAM, {
      headers: { tenant: own.tenant },
    })
    expect(body['integrations']).toMatchObject([{ id: 'again', status: 'stopped' }])
    const patch = await call(`${stage.service.url}${EVENTSTREAM}/again`, {
      method: 'PATCH',
      headers: { tenant: own.tenant },
      body: '{}',
    })
    expect(patch).toMatchObject({ status: 400, body: { message: /temporary/ } })
    expect((await own.on('', 'DELETE')).status).toBe(200)
    expect(await own.completions()).toEqual([])
    expect(await own.events()).toHaveLength(1)
  })

  it('completes when it is started and keeps nothing any more', async () => {
    const own = await tenantWith(1, 1)
    let lives = 0
    await until('a start comes before the chore that completes what waits', async () => {
      await own.replay()
      await own.waits()
      lives++
      // As a process of the version before does: it completes nothing.
      await stage.database.pool.query('delete from rejected_event where tenant = $1', [own.tenant])
      return (await own.on('/_start', 'POST')).body['status'] === 'running'
    })
    await own.isGone()
    expect(await own.completions()).toHaveLength(lives)
  })

  it('completes once, whoever of many takes the last one away', async () => {
    const own = await tenantWith(4, 4)
    for (let life = 1; life <= 5; life++) {
      for (const position of own.positions) refused.add(position)
      await own.replay()
      await own.waits()
      const ids = (await own.events()).map(({ id }) => id)
      for (const position of own.positions) refused.delete(position)
      const replies = await Promise.all([
        ...ids.flatMap((id) => [
          own.on(`/rejected_events/${id}/_retry`, 'POST'),
          own.on(`/rejected_events/${id}/_retry`, 'POST'),
          own.on(`/rejected_events/${id}`, 'DELETE'),
        ]),
        own.on('/rejected_events', 'DELETE'),
      ])
      // 429: four retries of the tenant are under way already.
      for (const { status } of replies) expect([200, 404, 429]).toContain(status)
      expect((await own.on('')).status).toBe(404)
      expect(await own.completions()).toHaveLength(life)
    }
  })

  it('waits for a retry that was cut off by a crash', async () => {
    const own = await tenantWith(2, 1)
    await own.replay()
    await own.waits()
    const [event] = await own.events()
    const { answer } = stage.receiver
    const asked = new Promise<void>((resolve) => {
      stage.receiver.answer = () => resolve()
    })
    const lost = own.on(`/rejected_events/${event?.id}/_retry`, 'POST').catch(() => undefined)
    await asked
    await stage.service.kill('SIGKILL')
    await lost
    stage.receiver.answer = answer
    stage.service = await stage.start()
    expect(await own.events()).toHaveLength(1)
    refused.clear()
    expect((await own.on('/rejected_events/_retry', 'POST')).body).toEqual({ delivered: 1 })
    expect((await own.on('')).status).toBe(404)
    expect(await own.completions()).toHaveLength(1)
  })

  it('ends the same if it is killed when its last event is rejected', async () => {
    const own = await tenantWith(3, 3)
    const { answer } = stage.receiver
    for (let kill = 0; kill < 2; kill++) {
      const asked = new Promise<void>((resolve) => {
        stage.receiver.answer = (request, response) => {
          answer(request, response)
          if (request.position === own.positions.at(-1)) resolve()
        }
      })
      if (kill === 0) await own.replay()
      // The second process finds the end, and may have nothing to send any more.
      await (kill === 0 ? asked : Promise.race([asked, own.waits()]))
      await stage.service.kill('SIGKILL')
      stage.service = await stage.start()
    }
    stage.receiver.answer = answer
    await own.waits()
    expect(await own.events()).toHaveLength(3)
    expect((await own.on('/rejected_events', 'DELETE')).body).toEqual({ deleted: 3 })
    expect((await own.on('')).status).toBe(404)
    expect(await own.completions()).toHaveLength(1)
  })

  it('is stopped by the limit, and completes if that was at its end', async () => {
    const own = await tenantWith(limits.rejectedEvents, limits.rejectedEvents)
    await own.replay()
    await until('it is stopped', async () => (await own.on('')).body['status'] === 'stopped')
    expect((await own.on('/rejected_events', 'DELETE')).body).toEqual({ deleted: 30 })
    expect((await own.on('')).status).toBe(404)
    expect(await own.completions()).toEqual([expect.stringContaining('0 delivered, 30 rejected.')])
  })
})
