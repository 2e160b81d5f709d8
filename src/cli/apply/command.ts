// millrace apply: brings a tenant's configuration to what a file says. millrace export writes such
// a file.

import type { Command } from 'commander'
import { UsageError } from '../client.ts'
import { type CommonOptions, exchangeOf, type Surroundings, withCommon } from '../client-command.ts'
import { confirm, withYes } from '../confirm.ts'
import { type ShownLine, styled } from '../output.ts'
import { accessOf } from '../profile.ts'
import { carryOut } from './carry-out.ts'
import { readTenantFile, type TenantFile } from './file.ts'
import { type ApplyPlan, planOf } from './plan.ts'
import { jsonOfStep, linesOfStep, summaryOf } from './shown-plan.ts'
import { exportTenant, yamlOf } from './written-file.ts'

/** The exit status of --plan if there is a difference. */
const DIFFERENT = 6

type ApplyOptions = CommonOptions & { file: string; plan?: boolean } & {
  prune?: boolean
  rotate?: boolean
  yes?: boolean
}

/** Adds the command to the parser. */
export function declareApply(command: Command, surroundings: Surroundings): void {
  withYes(withCommon(command, 'millrace apply -f tenant.yaml --plan'))
    .summary("bring a tenant's configuration to what a file says")
    .description(
      'Compares the event types, integrations, subscriptions and jobs of a file with those of ' +
        'the tenant, shows the difference, asks, and applies it. Anything that the file does not ' +
        'name stays.',
    )
    .requiredOption('-f, --file <file>', 'YAML or JSON; - is standard input')
    .option('--plan', `only show the difference; exit status ${DIFFERENT} if there is one`)
    .option('--prune', 'remove what the file does not name, of the kinds that it lists')
    .option('--rotate', 'set all secrets of the file anew')
    .action((options: ApplyOptions) => apply(options, surroundings))
}

async function apply(options: ApplyOptions, surroundings: Surroundings): Promise<void> {
  const { print, note } = surroundings
  const file = readTenantFile(options.file)
  const access = { ...options, ...tenantOf(file, options) }
  const { client, show } = exchangeOf(surroundings, access)
  const { prune = false, rotate = false } = options
  const plan = await planOf(client, file, { prune, rotate })
  if (!options.json) for (const line of linesOf(plan)) print(styled(surroundings, line))
  if (options.plan) {
    for (const step of plan.steps) show(jsonOfStep(step, false), () => [])
    if (plan.steps.length > 0) process.exitCode = DIFFERENT
    return
  }
  if (plan.steps.length === 0) return
  await confirm('Apply it?', options)
  await carryOut(client, file, plan.steps, (step) => {
    show(jsonOfStep(step, true), () => [])
    if (!options.json) note(`${step.kind.noun} ${step.id}: done`)
  })
}

function linesOf(plan: ApplyPlan): ShownLine[] {
  return [...plan.steps.flatMap(linesOfStep), ...summaryOf(plan)]
}

/** The file's tenant goes before those of the environment and the login. */
function tenantOf({ tenant }: TenantFile, options: CommonOptions): { tenant?: string } {
  if (!tenant) return {}
  if (!options.tenant || options.tenant === tenant) return { tenant }
  throw new UsageError(`The file is of the tenant ${tenant}, and --tenant is ${options.tenant}.`)
}

/** Adds the command to the parser. */
export function declareExport(command: Command, surroundings: Surroundings): void {
  withCommon(command, 'millrace export > tenant.yaml')
    .summary("write a tenant's configuration as a file for apply")
    .description(
      "Prints a tenant's event types, integrations, subscriptions and jobs as a file for " +
        'millrace apply. Secrets are references: the service shows none.',
    )
    .action(async (options: CommonOptions) => {
      const { tenant } = accessOf(surroundings.config, options)
      const file = await exportTenant(exchangeOf(surroundings, options).client, tenant)
      surroundings.print(options.json ? JSON.stringify(file) : yamlOf(file).trimEnd())
    })
}
