// Preloaded by the processes of day.ts: each turn of their clock is the last half and the first
// half minute around a midnight, and then it jumps to the evening of that day. Within a turn it
// runs as fast as the real one, so that leases and timeouts are what they are. Chores of every hour
// are done four times a turn. The database's clock is turned by the same function (day.ts).

const startMs = Number(process.env['FAKED_START_MS'])
const offsetMs = Number(process.env['FAKED_OFFSET_MS'])
const turnMs = Number(process.env['FAKED_TURN_MS'])
const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const RealDate = Date
const realTimeout = setTimeout

function faked(): number {
  const now = RealDate.now()
  return now + offsetMs + (DAY_MS - turnMs) * Math.floor((now - startMs) / turnMs)
}

globalThis.Date = class extends RealDate {
  constructor(...args: unknown[]) {
    if (args.length === 0) super(faked())
    else super(...(args as [number]))
  }
  static override now(): number {
    return faked()
  }
} as DateConstructor

const turned = (work: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) =>
  realTimeout(work, ms >= HOUR_MS ? turnMs / 4 : ms, ...args)
globalThis.setTimeout = Object.assign(turned, realTimeout) as unknown as typeof setTimeout
