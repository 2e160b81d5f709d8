// The words that are gone from the code. Each meant several things, or was a picture where the
// field has a word; docs/architecture.md has the glossary of those that stay.

import type { Files } from './tidy.ts'

/** Gone as a part of a name: `placeOf` and `RunPlace` as `place`. */
const PARTS: Record<string, string> = {
  bell: 'signal',
  gate: 'semaphore',
  kept: 'stored, cached or retained',
  place: 'slot, position, address, path, or what it is',
  places: 'slots, positions, addresses, paths, or what they are',
  tell: 'log, print, list or report',
  tells: 'logs, prints, lists or reports',
  told: 'logged, printed, listed or reported',
}
/** Gone as a whole name. */
const NAMES: Record<string, string> = {
  closing: 'ending',
  describe: 'describe and what: describeFailure',
  givesWay: 'mustYield',
  keep: 'keep and what: keepPresence',
  letGo: 'release',
  mayGo: 'maySend',
  present: 'present and what: presentJob',
  stamp: 'databaseNow',
}

/** Comments, and strings with what templates have inside. */
const PROSE = new RegExp(
  [
    /\/\*[\s\S]*?\*\/|\/\/.*/,
    /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/,
    /`(?:[^`\\$]|\\.|\$(?!\{)|\$\{(?:[^`{}]|\{[^{}]*\}|`[^`]*`)*\})*`/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'g',
)

/** Names in src and scripts, of files too, that have a word which is gone. */
export function goneWords(files: Files): string[] {
  const faults = new Set<string>()
  for (const [file, text] of files) {
    if (!/^(src|scripts)\/.*\.ts$/.test(file)) continue
    const names = [file, ...(text.replace(PROSE, "''").match(/[A-Za-z_$][\w$]*/g) ?? [])]
    for (const name of names) {
      const word = goneWordOf(name)
      if (word) faults.add(`${file} says ${name}: say ${word}`)
    }
  }
  return [...faults]
}

function goneWordOf(name: string): string | undefined {
  const base = name.slice(name.lastIndexOf('/') + 1).replace(/\.ts$/, '')
  if (Object.hasOwn(NAMES, base)) return NAMES[base]
  const parts = base.replace(/([a-z0-9])([A-Z])/g, '$1-$2').split(/[-_.$]/)
  const part = parts.map((one) => one.toLowerCase()).find((one) => Object.hasOwn(PARTS, one))
  return part && PARTS[part]
}

/** Names that two files of src export. schemas.ts has the same ones in each folder. */
export function doubleNames(files: Files): string[] {
  const owners = new Map<string, Set<string>>()
  for (const [file, text] of files) {
    if (!/^src\/.*\.ts$/.test(file) || file.endsWith('/schemas.ts')) continue
    for (const [, name = ''] of text.matchAll(
      /^export (?:async )?(?:function\*?|const|class|type) (\w+)/gm,
    )) {
      owners.set(name, new Set(owners.get(name)).add(file))
    }
  }
  return [...owners]
    .filter(([, { size }]) => size > 1)
    .map(([name, of]) => `${name} is exported by ${[...of].join(' and ')}`)
}
