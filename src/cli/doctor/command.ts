// millrace doctor: checks the configuration, the database and the service, and says what to do.

import type { Command } from 'commander'
import { type Config, examineConfig } from '../../config.ts'
import { createClient, NoToken, UsageError } from '../client.ts'
import { type CommonOptions, type Surroundings, withCommon } from '../client-command.ts'
import { type ShownLine, showJson } from '../output.ts'
import { accessOf } from '../profile.ts'
import type { Finding } from './finding.ts'

const OLDEST_NODE = [22, 19]
const TONES = { ok: 'good', warn: 'careful', fail: 'bad' } as const

/** Adds the command to the parser. */
export function declareDoctor(command: Command, surroundings: Surroundings): void {
  withCommon(command, 'millrace doctor --url https://millrace.example.com --tenant dodici')
    .summary('check the configuration, the database and the service')
    .description(
      'Checks the configuration, the database and the service, and says what to do. It changes ' +
        'nothing. Exit status 1 if a check fails.',
    )
    .action((options: CommonOptions) => examineAll(options, surroundings))
}

async function examineAll(options: CommonOptions, surroundings: Surroundings): Promise<void> {
  const { config, problems } = examineConfig()
  const show = (findings: Finding[]) => {
    if (findings.some(({ state }) => state === 'fail')) process.exitCode = 1
    for (const one of findings) {
      showJson(surroundings, options, JSON.stringify(one), () => linesOf(one))
    }
  }
  show(examineSettings(config, problems))
  const { examineDatabase } = await import('./database.ts')
  show(await examineDatabase(config))
  show(await examineNamedService(config, options))
}

function examineSettings(config: Config, problems: string[]): Finding[] {
  const findings: Finding[] = problems.map((message) => {
    const remedy = 'Correct it: docs/operate.md, "Settings".'
    return { area: 'configuration', state: 'fail', message, remedy }
  })
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const [oldest = 0, oldestMinor = 0] = OLDEST_NODE
  if (major < oldest || (major === oldest && minor < oldestMinor)) {
    const message = `Node ${process.versions.node} is too old.`
    const remedy = `Install ${OLDEST_NODE.join('.')} or newer.`
    findings.push({ area: 'configuration', state: 'fail', message, remedy })
  }
  if (config.MILLRACE_ALLOW_PRIVATE_TARGETS) {
    const message = 'Targets may be at private addresses: tenants can reach your network.'
    const remedy = 'In production, unset MILLRACE_ALLOW_PRIVATE_TARGETS.'
    findings.push({ area: 'configuration', state: 'warn', message, remedy })
  }
  if (findings.length > 0) return findings
  return [{ area: 'configuration', state: 'ok', message: 'The settings are valid.' }]
}

async function examineNamedService(config: Config, options: CommonOptions): Promise<Finding[]> {
  const { examineService } = await import('./service.ts')
  const isNamed = (options.url ?? config.MILLRACE_URL) !== undefined
  try {
    const access = accessOf(config, options)
    return await examineService(createClient(access), access.url, isNamed)
  } catch (error) {
    if (!(error instanceof NoToken || error instanceof UsageError)) throw error
    const state = isNamed ? 'fail' : 'warn'
    return [{ area: 'service', state, message: `No service is checked: ${error.message}` }]
  }
}

function linesOf({ area, state, message, remedy }: Finding): ShownLine[] {
  const head = { text: `${state.padEnd(4)}  ${area}: ${message}`, tone: TONES[state] }
  if (!remedy) return [head]
  return [head, `      ${remedy.startsWith('To do') ? remedy : `To do: ${remedy}`}`]
}
