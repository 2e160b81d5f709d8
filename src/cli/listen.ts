// millrace listen: a receiver that prints what arrives, or with --forward a sender of events to a
// server on this machine.

import type { Command } from 'commander'
import { printable } from '../input/printable.ts'
import { UsageError } from './client.ts'
import { type Surroundings, withCommon } from './client-command.ts'
import { withFilters } from './event-filter.ts'
import type { ForwardOptions } from './forward.ts'
import { createForwardTable } from './forward-table.ts'
import { type Arrival, openReceiver } from './receive.ts'

const PORT = '9099'
const LAST_PORT = 65_535

/** `forward` is true if it has no URL. */
type ListenOptions = ForwardOptions & { forward?: string | true }

/** Adds the command to the parser. */
export function declareListen(command: Command, surroundings: Surroundings): void {
  command
    .description(
      'Prints what arrives on a port of this machine. With --forward it sends each event of the ' +
        'log to a URL, signed as a webhook, and prints the answers. An event that fails is sent ' +
        'again, unless the answer is 400.',
    )
    .argument('[port]', `of 127.0.0.1; default: ${PORT}, with --forward any`)
    .option('--forward [url]', 'send events there; without a URL, to the port of this command')
    .option('--from <time>', 'begin with what was published then; else with the next event')
    .option('--secret <whsec>', 'sign with this secret; else a new one is printed')
  withCommon(
    withFilters(command),
    'millrace listen --forward http://127.0.0.1:3000 --from yesterday',
  ).action((port: string | undefined, options: ListenOptions) =>
    listen(port, options, surroundings),
  )
}

async function listen(
  port: string | undefined,
  { forward: target, ...options }: ListenOptions,
  surroundings: Surroundings,
): Promise<void> {
  // Its only purpose is what it prints.
  process.stdout.once('error', () => process.exit(0))
  const { print, isTerminal } = surroundings
  const show = (arrival: Arrival) => {
    const line = options.json ? arrival.body.replaceAll(/[\r\n]/g, ' ') : lineOf(arrival)
    print(isTerminal ? printable(line) : line)
  }
  if (target === undefined) {
    const option = Object.keys(options).find((name) => name !== 'json')
    if (option) throw new UsageError(`--${option} belongs to --forward.`)
    const { url } = await openReceiver(portOfArgument(port ?? PORT), show)
    const line = `listening on ${url}, Ctrl-C to end`
    return options.json ? surroundings.note(line) : print(line)
  }
  const { forward } = await import('./forward.ts')
  const table = createForwardTable(surroundings, options)
  if (target !== true) {
    if (port !== undefined) throw new UsageError('Name a port, or a URL to forward to.')
    return forward(target, options, surroundings, table)
  }
  const receiver = await openReceiver(portOfArgument(port ?? '0'), (arrival) => {
    table.clear()
    if (!options.json) show(arrival)
  })
  await forward(receiver.url, options, surroundings, table).finally(() => receiver.close())
}

function lineOf({ body, lateMs }: Arrival): string {
  const late = lateMs === undefined ? '' : ` ${lateMs.toFixed(1)} ms after`
  return `received${late} publishing: ${body}`
}

function portOfArgument(text: string): number {
  if (/^\d+$/.test(text) && Number(text) <= LAST_PORT) return Number(text)
  throw new UsageError(`${text} is not a port.`)
}
