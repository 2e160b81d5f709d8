// Preloaded by the processes of day.ts. Each turn of their clock is the half minute before and the
// half minute after a midnight; then it jumps to the evening of that day. Within a turn it runs at
// the real speed, so that leases and timeouts are unchanged. Hourly chores run four times a turn.
// The same function turns the database's clock (day.ts).

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
