// millrace jobs: the notification jobs that mail customers, and their runs.

import type { Command } from 'commander'
import { countOfOption, readJsonFile } from './arguments.ts'
import type { ServiceClient } from './client.ts'
import {
  type AddSubcommand,
  type CommonOptions,
  exchangeOf,
  type Surroundings,
  subcommandsOf,
} from './client-command.ts'
import { type ConfirmOptions, confirm, withYes } from './confirm.ts'
import { fieldLines, type ShownLine } from './output.ts'
import { linkedRowsOf, rowsOf } from './pages.ts'
import { poll } from './poll.ts'

const PATH = '/api/v1/jobs'
const LISTED = '20'
const PREVIEWED = '10'

type Job = { id: string; deleted: boolean; is_active: boolean; is_scheduled: boolean } & {
  notification: string
  schedule: string
  timezone: string
  next_run_at: string | null
}
type Run = { id: string; state: string; cause: string; requested_at: string } & {
  found: number
  sent: number
  rejected: number
  withheld: number
  reason: string | null
}

type Preview = { customers: number; examined: number; recipients: number } & {
  mails: { customer_id: string; email: string; data: { item_count: number } }[]
  withheld: { reason: string; customers: number }[]
}
type Tested = { outcome: string; reason: string | null; email: string; data_from: string }

/** Adds the command to the parser. */
export function declareJobs(command: Command, surroundings: Surroundings): void {
  command.description('Lists notification jobs, changes and runs them, and shows their runs.')
  const add = subcommandsOf(command, 'list')
  add('list', 'all of them, in the order of their creation', 'list')
    .option('--deleted', 'deleted ones too')
    .action(async (options: CommonOptions & { deleted?: boolean }) => {
      const { client, show, note } = exchangeOf(surroundings, options)
      let count = 0
      for await (const job of linkedRowsOf<Job>(client, PATH)) {
        if (job.deleted && !options.deleted) continue
        show(job, () => [lineOf(job)])
        count++
      }
      if (count === 0) note('There are no jobs.')
    })
  add('show <id>', 'one, with its settings', 'show back-in-stock').action(
    async (id: string, options: CommonOptions) => {
      const { client, show } = exchangeOf(surroundings, options)
      const job = (await client.call('GET', pathOf(id))) as Job
      show(job, () => [lineOf(job), ...fieldLines(job, ['id'])])
    },
  )
  add('logs <id>', 'its runs, newest first', 'logs back-in-stock')
    .option('--limit <n>', 'at most this many', LISTED)
    .action(async (id: string, options: CommonOptions & { limit: string }) => {
      const { client, show, note } = exchangeOf(surroundings, options)
      const most = countOfOption('--limit', options.limit)
      let count = 0
      for await (const run of rowsOf<Run>(client, `${pathOf(id)}/runs`, 'runs')) {
        show(run, () => [runLine(run)])
        if (++count === most) break
      }
      if (count === 0) note(`${id} has not run so far.`)
    })
  add('preview <id>', 'who would get a mail if it ran now', 'preview back-in-stock')
    .option('--limit <n>', 'mails to show', PREVIEWED)
    .option('--customer <id>', 'only this customer')
    .action(async (id: string, options: CommonOptions & { limit: string; customer?: string }) => {
      const { client, show } = exchangeOf(surroundings, options)
      const query = new URLSearchParams({ limit: String(countOfOption('--limit', options.limit)) })
      if (options.customer !== undefined) query.set('customer_id', options.customer)
      const preview = (await client.call('GET', `${pathOf(id)}/preview?${query}`)) as Preview
      show(preview, () => previewLines(preview))
    })
  declareChanges(add, surroundings)
}

function declareChanges(add: AddSubcommand, surroundings: Surroundings): void {
  add(
    'create <file>',
    'create one, as a JSON file says (- is standard input)',
    'create job.json',
  ).action(async (file: string, options: CommonOptions) => {
    const { client, show } = exchangeOf(surroundings, options)
    const job = (await client.call('POST', PATH, readJsonFile(file))) as Job
    show(job, () => [lineOf(job)])
  })
  add(
    'update <id> <file>',
    'change what a JSON file names (- is standard input)',
    'update back-in-stock job.json',
  ).action(async (id: string, file: string, options: CommonOptions) => {
    const { client, show } = exchangeOf(surroundings, options)
    const job = (await client.call('PUT', pathOf(id), readJsonFile(file))) as Job
    show(job, () => [lineOf(job)])
  })
  add('run <id>', 'run it now', 'run back-in-stock --wait')
    .option('--wait', 'wait for its end; the exit status is 1 if it fails')
    .action(async (id: string, options: CommonOptions & { wait?: boolean }) => {
      const { client, show } = exchangeOf(surroundings, options)
      const asked = (await client.call('POST', `${pathOf(id)}/_run`)) as Run
      const run = options.wait ? await endOf(client, id, asked) : asked
      show(run, () => [runLine(run)])
      if (run.state === 'failed') process.exitCode = 1
    })
  add('test <id> <email>', 'send one test mail to an address', 'test back-in-stock ada@example.com')
    .option('--customer <id>', 'with the data of this customer')
    .action(async (id: string, email: string, options: CommonOptions & { customer?: string }) => {
      const { client, show } = exchangeOf(surroundings, options)
      const customer = options.customer === undefined ? {} : { customer_id: options.customer }
      const tested = (await client.call('POST', `${pathOf(id)}/_test`, {
        email,
        ...customer,
      })) as Tested
      show(tested, () => [testedLine(tested)])
    })
  withYes(add('delete <id>', 'never run it again', 'delete back-in-stock')).action(
    async (id: string, options: CommonOptions & ConfirmOptions) => {
      const { client, show } = exchangeOf(surroundings, options)
      await confirm(`Delete the job ${id}?`, options)
      await client.call('DELETE', pathOf(id))
      show({ id, deleted: true }, () => [`${id} is deleted`])
    },
  )
}

/** A run at its end. */
function endOf(client: ServiceClient, id: string, asked: Run): Promise<Run> {
  const read = async () => {
    for await (const run of rowsOf<Run>(client, `${pathOf(id)}/runs`, 'runs')) {
      if (run.id === asked.id) return run
    }
    throw new Error(`The run ${asked.id} is not kept any more.`)
  }
  return poll(read, ({ state }) => state === 'completed' || state === 'failed')
}

function lineOf({ id, notification, schedule, timezone, ...job }: Job): string {
  const off = job.is_active ? 'runs only if it is asked to' : 'is not active'
  const when = job.next_run_at ? `next run ${job.next_run_at}` : off
  return `${id}  ${notification}  ${schedule} ${timezone}  ${job.deleted ? 'is deleted' : when}`
}

function runLine(run: Run): ShownLine {
  const { id, state, cause, requested_at, found, sent, rejected, withheld, reason } = run
  const counts = `found ${found}, sent ${sent}, rejected ${rejected}, withheld ${withheld}`
  const text = `${requested_at}  ${state}  ${cause}  ${counts}  ${reason ?? id}`
  return { text, tone: state === 'failed' ? 'bad' : undefined }
}

function previewLines({ customers, examined, recipients, mails, withheld }: Preview): string[] {
  const part = examined < customers ? `, of the first ${examined} of ${customers}` : ''
  return [
    `${recipients} customers would get a mail${part}`,
    ...withheld.map(({ reason, customers: count }) => `${count} would not: ${reason}`),
    ...mails.map(({ customer_id, email, data }) => `${customer_id}  ${email}  ${data.item_count}`),
  ]
}

function testedLine({ outcome, reason, email, data_from }: Tested): ShownLine {
  const text = `${outcome}  ${email}  data: ${data_from}${reason ? `  ${reason}` : ''}`
  return { text, tone: outcome === 'accepted' ? undefined : 'bad' }
}

const pathOf = (id: string) => `${PATH}/${encodeURIComponent(id)}`
