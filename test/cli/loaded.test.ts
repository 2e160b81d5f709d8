// The packages that a command loads: it talks HTTP, and starts in a blink, so it has no use for a
// database driver, or anything else of the service.

import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { withoutSettings } from '../../scripts/kit/environment.ts'
import { PROGRAM } from '../../scripts/kit/program.ts'
import { listClientCommands } from '../../src/cli/client-commands.ts'

/** Prints at its end which packages and folders of src a program has loaded. */
const hook = `
  import { registerHooks } from 'node:module'
  const loaded = new Set()
  registerHooks({
    load(url, context, next) {
      const [, name] = /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url) ?? []
      const [, folder] = /\\/src\\/(\\w+)\\//.exec(url) ?? []
      if (name ?? folder) loaded.add(name ?? folder)
      return next(url, context)
    },
  })
  process.on('exit', () => console.log('loaded ' + JSON.stringify([...loaded])))`

function loadedBy(args: string[]): string[] {
  const load = `data:text/javascript,${encodeURIComponent(hook)}`
  const { stdout } = spawnSync(process.execPath, ['--import', load, PROGRAM, ...args], {
    encoding: 'utf8',
    env: withoutSettings(),
  })
  return JSON.parse(/^loaded (.*)$/m.exec(stdout)?.[1] ?? '[]')
}

// fetch refuses this port at once: the command has loaded all that its request takes.
const nowhere = ['--url', 'http://127.0.0.1:9', '--token', 't', '--tenant', 'dodici']
const forward = ['listen', '--forward', 'http://127.0.0.1:9', ...nowhere]

it.each([
  ...listClientCommands().map(({ name }) => [name, '--help']),
  ['integrations', ...nowhere],
  ['tail', ...nowhere],
  forward,
])('millrace %s %s loads no package of the service', (...args) => {
  const loaded = loadedBy(args)
  expect(loaded).toContain('cli')
  expect(loaded).not.toContain('pg')
  // Their files are checked by the service's own rules.
  if (args[0] === 'apply' || args[0] === 'export') return
  const allowed = ['cli', 'commander', 'input', 'typebox', 'destination']
  expect(loaded.filter((name) => !allowed.includes(name))).toEqual([])
})
