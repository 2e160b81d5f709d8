// Whoever reads what a command prints may leave: `millrace … | head`.

import { expect, it } from 'vitest'
import { type Ended, startProgram } from '../../scripts/kit/program.ts'
import { registerConsumer } from '../../src/consumer/change.ts'
import { useDatabase } from '../helpers/database.ts'
import { rebuilt } from './rebuilding.ts'

const database = useDatabase()

/** Runs it with nobody at the other end of its standard output. */
function unread(...command: string[]): Promise<Ended> {
  const program = startProgram(command, { DATABASE_URL: database.url })
  program.process.stdout?.destroy()
  return program.ended
}
const quietly = (status: number) => ({ status, stdout: '', stderr: '' })

it('puts all rows in place, whoever hears of the first', async () => {
  const document = { integration_type: 'permanent' }
  for (let n = 0; n < 20; n++) {
    await registerConsumer(database.kysely, 'dodici', `erp-${n}`, {
      kind: 'integration',
      actor: 'ada',
      reason: 'A test.',
      document,
      most: 100,
    })
  }
  await database.admin.pool.query(`update consumer set document = '{}'`)
  expect(await unread('rebuild', 'config')).toEqual(quietly(1))
  expect(await unread('rebuild', 'config', '--apply')).toEqual(quietly(0))
  expect(await rebuilt(database)).toMatchObject({ isSame: true })
})

it.each([
  ['sql'],
  ['sql', 'audit/changes', 'tenant=dodici', 'from=2026-11-20', 'to=2026-11-21'],
  ['help'],
])('ends quietly: %s %s', async (...command) =>
  expect(await unread(...command)).toEqual(quietly(0)),
)

it('does not listen on for nobody', async () => {
  expect(await unread('listen', '0')).toEqual(quietly(0))
})
