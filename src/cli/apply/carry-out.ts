// Carries out the steps of a plan. Each names the version that it was compared with, so that nobody
// else's change is overwritten.

import { type Tree, valueAt, withoutPath, withPath } from '../../input/tree.ts'
import { AnswerError, type ServiceClient } from '../client.ts'
import { mapEntries, type TenantFile } from './file.ts'
import type { ApplyStep } from './plan.ts'
import { resolveValue } from './reference.ts'

/**
 * Carries out the steps in order, and calls `onDone` after each. All secrets are read first. Throws
 * at the first step that fails, with what to do.
 */
export async function carryOut(
  client: ServiceClient,
  file: TenantFile,
  steps: ApplyStep[],
  onDone: (step: ApplyStep) => void,
): Promise<void> {
  const desired = desiredTrees(file, steps)
  for (const [number, step] of steps.entries()) {
    try {
      await carryOutStep(client, step, desired.get(step) ?? {})
    } catch (error) {
      const left = steps.length - number
      const rest = `${left} of ${steps.length} changes are left to do.`
      const failed = error as Error
      failed.message = `${failureOf(file, step, failed)}\n${rest}`
      throw failed
    }
    onDone(step)
  }
}

function carryOutStep(client: ServiceClient, step: ApplyStep, desired: Tree): Promise<void> {
  const { kind, id, fields } = step
  if (step.action === 'remove') return kind.remove(client, id, step.found.etag)
  if (step.action === 'add') return kind.add(client, desired)
  const changed = fields.map(({ field }) => field)
  return kind.change(client, id, { found: step.found, changed, desired })
}

/** The entries to send, with secrets that are part of a step, in clear, and without others. */
function desiredTrees(file: TenantFile, steps: ApplyStep[]): Map<ApplyStep, Tree> {
  const stepsOf = new Map(
    steps.flatMap((step) => (step.action === 'remove' ? [] : [[step.entry, step]])),
  )
  const trees = mapEntries([...stepsOf.keys()], file.faultOf, (entry) => {
    const step = stepsOf.get(entry) as ApplyStep
    const sent = new Set(step.fields.map(({ field }) => field))
    return [step, withSecrets(entry.tree, step, sent, file.directory)] as const
  })
  return new Map(trees)
}

function withSecrets(tree: Tree, { kind }: ApplyStep, sent: Set<string>, directory: string): Tree {
  return kind.secrets.reduce((result, { field }) => {
    const value = valueAt(tree, field)
    if (value === undefined) return result
    if (!sent.has(field)) return withoutPath(result, field)
    return withPath(result, field, secretOf(value, field, directory))
  }, tree)
}

/** Headers are an object of secrets. */
function secretOf(value: unknown, field: string, directory: string): unknown {
  if (typeof value === 'string') return resolveValue(value, field, directory)
  const entries = Object.entries(value as Tree)
  return Object.fromEntries(
    entries.map(([name, one]) => [name, resolveValue(one, `${field}.${name}`, directory)]),
  )
}

function failureOf(file: TenantFile, step: ApplyStep, error: Error): string {
  const isOvertaken = error instanceof AnswerError && error.status === 412
  const advice = ' Nothing of it was overwritten: run it again, and look at the difference.'
  const reason = error.message + (isOvertaken ? advice : '')
  if (step.action === 'remove') return `${step.kind.noun} ${step.id}: ${reason}`
  return file.faultOf(step.entry, reason)
}
