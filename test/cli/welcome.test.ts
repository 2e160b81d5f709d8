// The two commands that a start prints, pasted as they are: an event is seen in the terminal.

import { spawn } from 'node:child_process'
import path from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { withoutSettings } from '../../scripts/kit/environment.ts'
import { OPEN_SERVICE, startProgram } from '../../scripts/kit/program.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'

const database = useDatabase()
const root = path.resolve(import.meta.dirname, '../..')

/** A terminal in this directory into which one command is pasted. */
function paste(command: string) {
  const shell = spawn('bash', ['-c', command], {
    cwd: root,
    env: withoutSettings(),
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [shell.stdout, shell.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk
    })
  }
  const ended = new Promise<number | null>((resolve) => shell.once('close', resolve))
  return {
    output: () => output,
    ended,
    interrupt: () => process.kill(-(shell.pid as number), 'SIGINT'),
  }
}

it('show a first event, delivered', async () => {
  const program = startProgram(['start'], { ...OPEN_SERVICE, DATABASE_URL: database.url })
  onTestFinished(async () => {
    program.process.kill('SIGTERM')
    await program.ended
  })
  await program.ready()
  const commands = await until('it prints commands', () => {
    const found = program.output().match(/^.*npm run --silent millrace -- .*$/gm) ?? []
    return found.length === 2 && found
  })
  const listener = paste(commands[0] as string)
  await until('it listens', () => listener.output().includes('Ctrl-C to end'))
  const publisher = paste(commands[1] as string)
  expect([await publisher.ended, publisher.output()]).toEqual([
    0,
    expect.stringMatching(/^published at \d+\n$/),
  ])
  await until('the event is seen', () => / order\.created .* 200 after/.test(listener.output()))
  expect(listener.output()).toMatch(/received [\d.]+ ms after publishing: \{"tenant":"dodici",/)
  listener.interrupt()
  await listener.ended
})
