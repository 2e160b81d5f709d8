// millrace completion: the scripts, as the shells run them.

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { startProgram } from '../../scripts/kit/program.ts'
import { tellNotRun } from '../helpers/not-run.ts'
import { useHome } from './running.ts'

const home = useHome()

/** The last line of each asks what would follow `"$@"`, of which the last word is being typed. */
const shells = {
  bash: `files='a file'; compopt() { [ "$*" != '+o default' ] || files=''; }
COMP_WORDS=(millrace "$@"); COMP_CWORD=$#; _millrace; printf '%s\\n' "\${COMPREPLY[@]:-$files}"`,
  zsh: `words=(millrace "$@"); CURRENT=$(($# + 1)); _millrace`,
  fish: `complete -C "millrace $argv"`,
}
/** Outside of its line editor zsh has no completion: these stand for it. */
const ZSH = `compdef() { :; }; _files() { [[ -n \${words[CURRENT]} ]] || print 'a file'; }
compadd() { local last="\${words[CURRENT]}"; shift; print -l -- \${(M)@:#$last*}; }\n`

describe.each(Object.entries(shells))('%s', (shell, asking) => {
  const isHere = spawnSync('which', [shell]).status === 0
  if (!isHere) tellNotRun(`completion: not run in ${shell}, which is not installed`)
  const file = path.join(home, `completion.${shell}`)

  beforeAll(async () => {
    const { status, stdout, stderr } = await startProgram(['completion', shell], {}).ended
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    writeFileSync(file, `${shell === 'zsh' ? ZSH : ''}${stdout}\n${asking}\n`)
  })

  it.runIf(isHere).each([
    [['integ'], ['integrations']],
    [['--vers'], ['--version']],
    [['replay', 'ca'], ['cancel']],
    [['integrations', 'skip', 'erp-1', '--re'], ['--reason']],
    [
      ['events', '--ord'],
      ['--order', '--order-id'],
    ],
    [['publish', '--im'], ['--imported']],
    [
      ['completion', ''],
      ['bash', 'fish', 'zsh'],
    ],
    [['start', ''], ['']],
    [['sql', 'ops/la'], ['ops/lag']],
    [['rebuild', 'con'], ['config']],
    [['help', 'integ'], ['integrations']],
    [
      ['types', 'register', 'a.b', 'schema.json', '--on-violation', ''],
      ['reject', 'warn'],
    ],
    [['types', 'register', '--on-violation', 'warn', 'a.b', '--desc'], ['--description']],
    [['keys', 'create', '--scope', 're'], ['read']],
    [
      ['events', '--order', ''],
      ['asc', 'desc'],
    ],
  ])('completes millrace %j', (typed, expected) => {
    const { stdout, stderr } = spawnSync(shell, [file, ...typed], { encoding: 'utf8' })
    expect({ words: stdout.trim().split('\n').sort(), stderr }).toEqual({
      words: expected,
      stderr: '',
    })
  })
})

it('knows no other shell', async () => {
  expect(await startProgram(['completion', 'csh'], {}).ended).toMatchObject({
    status: 2,
    stdout: '',
    stderr: expect.stringContaining('source <(millrace completion bash)'),
  })
  const help = await startProgram(['completion', '--help'], {}).ended
  expect(help).toMatchObject({ status: 0, stdout: expect.stringContaining('in ~/.zshrc') })
})
