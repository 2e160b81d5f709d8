// Reading a log that has grown over thirty days, without HTTP: searches for the history of an order
// or of an entity, a customer's events, and a day's events of one name; what became of an event at
// each integration, and what one has not received. Each question is another one.

import { type Db, openDatabase } from '../../src/db/pool.ts'
import { readDeliveries, readUndelivered } from '../../src/history/deliveries/states.ts'
import { type SearchFilter, searchFilterOf } from '../../src/log/filter.ts'
import { addDays, END_OF_LOG, startOfDay } from '../../src/log/position.ts'
import { readShown, search } from '../../src/log/search/search.ts'
import { createLogger } from '../../src/logger.ts'
import { type Chance, createChance } from '../kit/chance.ts'
import { quantile } from '../kit/measure.ts'
import { TENANT } from './events.ts'
import { fillOrders } from './growth-fill.ts'
import type { Line, Scenario } from './scenario.ts'
import { BEHIND, fillStreams } from './streams-fill.ts'

const EVENTS_OF_ORDER = 40
const PAGE = 100
const IDS = Array.from({ length: 9 }, (_, i) => `erp-${i}`)

const sizes = {
  full: { events: 10_000_000, days: 30, questions: 500 },
  smoke: { events: 4_000, days: 2, questions: 3 },
}

/** Asks one question; resolves with how many rows the answer has. */
type Ask = () => Promise<number>
/** `least`: the rows that an answer has at least. */
type Question = { ask: Ask; least: number; goals: [p50: string | undefined, p99: string] }

export const read: Scenario = {
  name: 'read',
  async run(stage, size) {
    const { events, days, questions } = sizes[size]
    const database = await stage.database('read')
    await fillOrders(
      database.url,
      { events, days },
      { tenant: TENANT, eventsOfOrder: EVENTS_OF_ORDER },
    )
    await fillStreams(database.url, { events, days }, { tenant: TENANT, ids: IDS })
    try {
      return await askAll(database.url, { events, days, questions })
    } finally {
      await database.drop()
    }
  },
}

/** Asks every question on a filled database. */
async function askAll(
  url: string,
  { events, days, questions }: { events: number; days: number; questions: number },
): Promise<Line[]> {
  const logger = createLogger('error')
  const { kysely, close } = openDatabase(url, { durability: 'relaxed', max: 1, logger })
  const chance = createChance(1)
  const lines: Line[] = []
  try {
    const all = { ...searches(kysely, events, days, chance), ...states(kysely, days, chance) }
    for (const [what, { ask, least, goals }] of Object.entries(all)) {
      const runs: number[] = []
      for (let i = -2; i < questions; i++) {
        const started = performance.now()
        const rows = await ask()
        // The first ones prepare their statements.
        if (i >= 0) runs.push(performance.now() - started)
        if (rows < least) throw new Error(`${what}: the answer has ${rows} rows.`)
      }
      lines.push(
        lineOf(`${what}, p50`, runs, 0.5, goals[0]),
        lineOf(`${what}, p99`, runs, 0.99, goals[1]),
      )
    }
  } finally {
    await close()
  }
  return lines
}

function searches(db: Db, events: number, days: number, chance: Chance): Record<string, Question> {
  const orders = events / EVENTS_OF_ORDER
  const order = () => `order-${chance.whole(0, orders - 1)}`
  const customer = () => `customer-${chance.whole(0, orders / 4 - 1)}`
  const goals: Question['goals'] = ['≤ 20', '≤ 100']
  const find = async (filter: SearchFilter, { after = 0, before = END_OF_LOG } = {}) => {
    const range = { tenant: TENANT, after, before, descending: false }
    const { found } = await search(db, { range, filter, limit: PAGE })
    const positions = found.map(({ position }) => position)
    return (await readShown(db, TENANT, positions)).length
  }
  const findBy = (field: string, value: string, range = {}) =>
    find(searchFilterOf({ [field]: value }, []), range)
  return {
    'the history of an order': {
      ask: () => findBy('order_id', order()),
      least: EVENTS_OF_ORDER,
      goals,
    },
    'the events of an entity': { ask: () => findBy('entity_id', order()), least: 1, goals },
    'a page of a customer': { ask: () => findBy('customer_id', customer()), least: PAGE, goals },
    "a page of a day's order.created": {
      ask() {
        const day = pastDay(days, chance)
        return findBy('name', 'order.created', { after: day - 1, before: addDays(day, 1) })
      },
      least: Math.min(PAGE, 50),
      goals,
    },
  }
}

function states(db: Db, days: number, chance: Chance): Record<string, Question> {
  const goals: Question['goals'] = [undefined, '≤ 100']
  const undelivered = async (id: string) => {
    const range = { first: pastDay(days, chance), end: END_OF_LOG, limit: PAGE }
    const { events, next } = await readUndelivered(db, TENANT, id, range)
    return next === null ? PAGE : events.length
  }
  return {
    'the deliveries of an event': {
      async ask() {
        const [event] = await positionsFrom(db, pastDay(days, chance) + chance.whole(0, 8e10))
        const page = await readDeliveries(db, TENANT, event as number, { limit: PAGE })
        return page.deliveries.length
      },
      least: IDS.length + 1,
      goals,
    },
    'a page of what one that is behind has not received': {
      ask: () => undelivered(BEHIND),
      least: PAGE,
      goals,
    },
    'a look at 6,000 delivered events for one that is not': {
      ask: () => undelivered(chance.pick(IDS)),
      least: 0,
      goals,
    },
  }
}

/** The start of a random day that is over. */
const pastDay = (days: number, chance: Chance) =>
  addDays(startOfDay(Date.now() * 1000), -chance.whole(1, days - 1))

async function positionsFrom(db: Db, after: number): Promise<number[]> {
  const range = { tenant: TENANT, after, before: END_OF_LOG, descending: false }
  const { found } = await search(db, { range, filter: searchFilterOf({}, []), limit: 1 })
  return found.map(({ position }) => position)
}

function lineOf(what: string, runs: number[], q: number, goal: string | undefined): Line {
  const figure = quantile(runs, q)
  return { what, figure, unit: 'ms', ...(goal === undefined ? {} : { goal }), runs: [figure] }
}
