// What is told of a replay that has completed and of an integration that was deleted: its own life,
// as a replay if it was one, for as long as it is known.

import { describe, expect, it } from 'vitest'
import { register } from '../../scripts/kit/client.ts'
import { until } from '../../scripts/kit/until.ts'
import { useRefusals } from '../helpers/refusals.ts'
import { pick, published, rowsOf } from '../sql/rows.ts'

const stage = useRefusals()
const { failing, refused, tenantWith } = stage

describe('a replay', () => {
  it('counts its own life when it completes', async () => {
    const own = await tenantWith(5, 0)
    for (let life = 0; life < 3; life++) {
      await own.replay()
      await own.isGone()
    }
    const five = expect.stringContaining(': 5 delivered, 0 rejected.')
    expect(await own.completions()).toEqual([five, five, five])
    expect((await own.on('/stats')).body).toMatchObject({ replay: { delivered: 5, total: 5 } })
    expect((await own.logs()).map(({ action }) => action)).toEqual([
      'integration_completed',
      'integration_started',
    ])
  })

  it('is a replay in cursors, receipts and attempts', async () => {
    const own = await tenantWith(2, 1)
    await own.replay()
    await own.waits()
    const { rows } = await stage.database.pool.query(
      `select 'cursor' as what, run from cursor where tenant = $1
       union select 'receipt', run from receipt where tenant = $1
       union select 'attempt', run from attempt where tenant = $1
       union select 'rejected', run from rejected_event where tenant = $1 order by what`,
      [own.tenant],
    )
    expect(rows).toEqual(
      ['attempt', 'cursor', 'receipt', 'rejected'].map((what) => ({ what, run: 1 })),
    )
  })
})

describe('the audits', () => {
  it('call a replay a replay, and say what each of its lives delivered', async () => {
    const own = await tenantWith(3, 2)
    const [first = 0, second = 0] = own.positions
    await own.replay()
    await own.waits()
    const id = [`tenant=${own.tenant}`, 'integration=again']
    const period = ['from=yesterday', 'to=tomorrow']
    const undelivered = async () => {
      const rows = await rowsOf(stage.database.url, 'audit/undelivered', ...id, ...period)
      return pick(published(rows), 'position', 'state')
    }
    const progress = async () =>
      pick(
        await rowsOf(stage.database.url, 'replay/progress', `tenant=${own.tenant}`),
        ...['run', 'state', 'delivered', 'rejected', 'events_left', 'rejected_events_kept'],
      )
    expect(await progress()).toEqual([[1, 'stopped', 1, 2, 0, 2]])
    expect(await undelivered()).toEqual([
      [first, 'rejected'],
      [second, 'rejected'],
    ])

    refused.delete(first)
    expect((await own.on('/rejected_events/_retry', 'POST')).status).toBe(502)
    expect(await undelivered()).toEqual([[second, 'rejected']])
    await own.on('/rejected_events', 'DELETE')
    expect(await undelivered()).toEqual([[second, 'rejected_and_removed']])
    expect(await progress()).toEqual([[1, 'completed', 1, 2, 0, null]])

    // What a life before was refused does not count against this one.
    refused.delete(second)
    await own.replay()
    await own.isGone()
    expect(await undelivered()).toEqual([])
    expect(await progress()).toEqual([
      [1, 'completed', 1, 2, 0, null],
      [1, 'completed', 3, 0, 0, null],
    ])
    const deliveries = await rowsOf(stage.database.url, 'audit/deliveries', ...id, ...period)
    expect(new Set(pick(deliveries, 'run').flat())).toEqual(new Set(['replay 1']))
  })
})

describe('the audits of an id that was used again', () => {
  const audits = async (tenant: string) => {
    const args = [`tenant=${tenant}`, 'integration=again', 'from=yesterday', 'to=tomorrow']
    const [proof] = await rowsOf(stage.database.url, 'audit/proof-of-delivery', ...args)
    const rows = await rowsOf(stage.database.url, 'audit/undelivered', ...args)
    return [proof?.['delivered'], proof?.['verdict'], pick(published(rows), 'state').flat()]
  }
  const proved = [3, expect.stringContaining('Proved so far: all 3 events'), []]
  const not = expect.stringContaining('Not proved: of 3 events 0 were delivered')

  it('do not count what a life before was sent, nor what that took later', async () => {
    const own = await tenantWith(3, 1)
    await own.replay()
    await own.waits()
    refused.delete(own.positions[0] as number)
    await own.on('/rejected_events/_retry', 'POST')
    await own.isGone()
    expect(await audits(own.tenant)).toEqual(proved)
    for (const position of own.positions) refused.add(position)
    await own.replay()
    await own.waits()
    const kept = Array(3).fill('rejected')
    expect(await audits(own.tenant)).toEqual([0, not, kept])
  })

  it('do not count it either while the newest one is failing', async () => {
    const own = await tenantWith(3, 0)
    await own.permanent()
    await until('all are delivered', async () => (await audits(own.tenant))[0] === 3)
    expect(await audits(own.tenant)).toEqual(proved)
    await own.on('', 'DELETE')
    for (const position of own.positions) failing.add(position)
    await own.permanent()
    await until('it is stopped', async () => (await own.on('')).body['status'] === 'stopped')
    expect(await audits(own.tenant)).toEqual([0, not, Array(3).fill('stopped')])
  })
})

describe('a run by date', () => {
  it('has its own rejections, and what is taken later counts as delivered', async () => {
    const own = await tenantWith(2, 1)
    const { url } = stage.database
    await register(stage.service.url, 'again', stage.receiver.url, {}, own.tenant)
    const id = [`tenant=${own.tenant}`, 'integration=again']
    const [now] = await rowsOf(url, 'replay/date-range', ...id, 'from=yesterday', 'to=tomorrow')
    expect(now).toMatchObject({ run: 1, events_in_the_log: 3 }) // with an alert
    await until('one is kept', async () => (await own.events()).length === 1)
    const [first = 0] = own.positions
    refused.delete(first)
    expect((await own.on('/rejected_events/_retry', 'POST')).body).toEqual({ delivered: 1 })
    const { rows } = await stage.database.pool.query(
      'select distinct run from attempt where tenant = $1',
      [own.tenant],
    )
    expect(rows).toEqual([{ run: 1 }])
    await until('both are delivered', async () => {
      const undelivered = await rowsOf(
        url,
        'audit/undelivered',
        ...id,
        'from=yesterday',
        'to=tomorrow',
      )
      return published(undelivered).length === 0
    })
    expect((await own.on('')).body).toMatchObject({ status: 'running' })
  })

  it('stays among the replays when its integration is gone', async () => {
    const own = await tenantWith(2, 0)
    const { url } = stage.database
    const id = [`tenant=${own.tenant}`, 'integration=again']
    const start = () => rowsOf(url, 'replay/date-range', ...id, 'from=yesterday', 'to=tomorrow')
    const progress = async () =>
      pick(
        await rowsOf(url, 'replay/progress', `tenant=${own.tenant}`),
        ...['run', 'state', 'delivered', 'events_left'],
      )
    const arrived = [1, 'completed', 2, 0]
    await register(stage.service.url, 'again', stage.receiver.url, {}, own.tenant)
    await rowsOf(url, 'replay/date-range', ...id, 'from=yesterday', 'to=now')
    await until('it has arrived', async () => (await progress())[0]?.[1] === 'completed')
    expect(await progress()).toEqual([arrived])
    await own.on('', 'DELETE')
    expect(await progress()).toEqual([arrived])

    failing.add(own.positions[1] as number)
    await register(stage.service.url, 'again', stage.receiver.url, {}, own.tenant)
    await start()
    await until('it has failed', async () => (await progress())[1]?.[1] === 'failed')
    expect((await own.on('')).body).toMatchObject({ status: 'running' })
    await own.on('', 'DELETE')
    expect(await progress()).toEqual([arrived, [2, 'failed', 1, null]])
  })
})

describe('a deleted integration', () => {
  it('shows what it kept, sends nothing more, and lets it be deleted', async () => {
    const own = await tenantWith(3, 2)
    await own.permanent()
    await until('two are kept', async () => (await own.events()).length === 2)
    await until('the third is taken', async () => {
      const stats = await own.on('/stats')
      return stats.body['last_delivery_at'] !== null
    })
    await own.on('', 'DELETE')
    expect((await own.on('')).status).toBe(404)
    expect((await own.on('/logs')).body['entries']).toMatchObject([
      { action: 'integration_deleted' },
      { action: 'integration_stopped' },
      ...[{}, {}, {}],
    ])
    expect((await own.on('/stats')).body).toMatchObject({ status: 'deleted', lag_events: 0 })
    const [kept] = await own.events()
    expect((await own.on(`/rejected_events/${kept?.id}`)).body).toMatchObject({ payload: { n: 1 } })
    for (const action of [`/rejected_events/${kept?.id}/_retry`, '/rejected_events/_retry']) {
      const reply = await own.on(action, 'POST')
      expect(reply).toMatchObject({
        status: 404,
        body: { error_code: 'not_found', message: /"again" was deleted/ },
      })
    }
    expect((await own.on('/_start', 'POST')).status).toBe(404)
    expect((await own.on(`/rejected_events/${kept?.id}`, 'DELETE')).status).toBe(200)
    expect(await own.events()).toHaveLength(1)
    expect((await own.logs())[0]?.action).toBe('rejected_event_deleted')
  })

  it('leaves nothing to the next one of its name, and that says what is gone', async () => {
    const own = await tenantWith(2, 1)
    await own.permanent()
    await until('one is kept', async () => (await own.events()).length === 1)
    await own.on('', 'DELETE')
    await register(stage.service.url, 'again', stage.receiver.url, {}, own.tenant)
    expect(await own.events()).toEqual([])
    expect(await own.logs()).toEqual([
      {
        action: 'rejected_events_removed',
        actor: 'millrace',
        reason: expect.stringMatching(
          new RegExp(
            '1 rejected event.*: order.created of o-0 ' +
              `.position ${own.positions[0]}, idempotency key`,
          ),
        ),
        created_at: expect.any(String),
      },
      expect.objectContaining({ action: 'integration_started' }),
    ])
    expect((await own.on('/stats')).body).toMatchObject({ last_delivery_at: null })
  })
})
