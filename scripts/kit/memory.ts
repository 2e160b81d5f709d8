// The memory of processes, from /proc; NaN without it.

import { existsSync, readdirSync, readFileSync } from 'node:fs'

const KIB_PER_MIB = 1_024

/** Resident memory of a process now, in MiB. */
export const residentMiB = (pid: number): number => fieldOf(`/proc/${pid}/status`, 'VmRSS')

/** The peak of it since its start. */
export const peakMiB = (pid: number): number => fieldOf(`/proc/${pid}/status`, 'VmHWM')

/**
 * Memory of a process and all that descend from it, in MiB: what several of them share counts once
 * in all (PSS).
 */
export function proportionalMiB(root: number): number {
  const parents = new Map<number, number>()
  for (const name of existsSync('/proc/self') ? readdirSync('/proc') : []) {
    const pid = Number(name)
    if (Number.isInteger(pid)) parents.set(pid, parentOf(pid))
  }
  const family = [...parents.keys()].filter((pid) => descends(pid, root, parents))
  if (family.length === 0) return Number.NaN
  return family.reduce(
    (total, pid) => total + (fieldOf(`/proc/${pid}/smaps_rollup`, 'Pss') || 0),
    0,
  )
}

function descends(pid: number, root: number, parents: ReadonlyMap<number, number>): boolean {
  for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at)) {
    if (at === root) return true
  }
  return false
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0)
}

function fieldOf(file: string, field: string): number {
  const kibibytes = new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(read(file))?.[1]
  return Number(kibibytes ?? Number.NaN) / KIB_PER_MIB
}

/** Empty if the process has ended. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
