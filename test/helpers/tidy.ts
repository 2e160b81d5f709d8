// The rules of the house as pure functions over files (path → text). Each returns what breaks it,
// in words.

import path from 'node:path'

/**
 * From left to right: a folder or file imports its own folder and what stands left of it. Those of
 * one step never meet.
 */
const RANKS = [
  [
    'heap',
    'loading',
    'config',
    'errors',
    'input',
    'lazy',
    'clock',
    'logger',
    'metrics',
    'port',
    'repeat',
    'signal',
    'setting',
    'token-settings',
    'version',
    'opentelemetry',
    'tracer',
  ],
  ['db', 'destination', 'json-schema'],
  ['http', 'sealing'],
  ['access'],
  ['log'],
  ['consumer', 'event-type'],
  ['gateway', 'integration', 'collector'],
  ['subscription'],
  ['delivery'],
  ['action', 'history', 'replay', 'notification', 'maintenance'],
  ['console'],
  ['server', 'worker', 'monitor'],
  ['cli'],
  ['run'],
  ['commands'],
  ['main'],
]
const LONGEST_FILE = 300
/** All texts of the console in one language: a table, looked up by its keys. */
const TEXTS = /^src\/console\/public\/i18n\//
/** Written by a program, for people to look things up in. */
const WRITTEN = 'sql/schema.sql'
/** Applied long ago: its text never changes again. */
const APPLIED = 'sql/migrations/0001_log.sql'
/** The title of a test is one string, however long. */
const TITLE = /^\s*(it|describe)\b.*\(['"`].*['"`], (async )?\(.*\) => \{$/
const LONGEST_LINE = 100
const LONGEST_FUNCTION = 70
/** Longer ones: a table of routes is read row by row, the wiring of a process line by line. */
const MAY_BE_LONG = /function (\w+Routes|routesOf|startServer)\b/

export type Files = Map<string, string>

/** "db" of src/db/pool.ts, "config" of src/config.ts. */
function roomOf(file: string): string {
  return (/^src\/([^/]+?)(\.[jt]s)?(\/|$)/.exec(file)?.[1] ?? file).replace(/\.[jt]s$/, '')
}

function rankOf(room: string): number {
  return RANKS.findIndex((step) => step.includes(room))
}

/** Relative imports of a file, type imports included, as paths from the root. */
function importsOf(file: string, text: string): string[] {
  const matches = text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)
  return [...matches].map(([, target]) => {
    const base = new URL(target as string, `file:///${file}`)
    return decodeURIComponent(base.pathname.slice(1))
  })
}

export function importRule(files: Files): string[] {
  const faults: string[] = []
  for (const [file, text] of files) {
    if (!file.startsWith('src/')) continue
    const from = roomOf(file)
    if (rankOf(from) === -1) faults.push(`${file}: ${from} has no rank`)
    for (const target of importsOf(file, text)) {
      const to = roomOf(target)
      if (!files.has(target)) faults.push(`${file} imports ${target}, which is not there`)
      const mayMeet = to === from || rankOf(to) < rankOf(from) || rankOf(from) === 0
      if (!mayMeet || rankOf(to) > rankOf(from)) faults.push(`${file} may not import ${target}`)
      const mayImportHttp =
        /\/routes\.ts$/.test(file) ||
        ['http', 'access', 'console', 'server', 'monitor'].includes(from)
      if (to === 'http' && !mayImportHttp) faults.push(`${file} may not import http/`)
    }
  }
  return faults
}

export function circles(files: Files): string[] {
  const faults: string[] = []
  const done = new Set<string>()
  const visit = (file: string, trail: string[]) => {
    if (trail.includes(file)) {
      faults.push([...trail.slice(trail.indexOf(file)), file].join(' → '))
      return
    }
    if (done.has(file)) return
    for (const target of importsOf(file, files.get(file) ?? '')) visit(target, [...trail, file])
    done.add(file)
  }
  for (const file of files.keys()) visit(file, [])
  return faults
}

export function names(files: Files): string[] {
  return [...files.keys()].filter((file) =>
    /(^|\/)(index\.ts|utils?|lib|common)(\/|\.|$)/.test(file),
  )
}

export function lengths(files: Files): string[] {
  const faults: string[] = []
  for (const [file, text] of files) {
    if (file === WRITTEN) continue
    const lines = text.split('\n')
    const isLong = lines.length > LONGEST_FILE + 1 && !TEXTS.test(file)
    if (isLong) faults.push(`${file} has ${lines.length} lines`)
    lines.forEach((line, index) => {
      const mayBeLong = file === APPLIED || TITLE.test(line)
      if (line.length > LONGEST_LINE && !mayBeLong) {
        faults.push(`${file}:${index + 1} has ${line.length} columns`)
      }
    })
  }
  return faults
}

/**
 * Functions of src/ that are too long. The code is formatted: a function ends with the first brace
 * at the indent of its beginning, and nothing else stands at that indent in between.
 */
export function longFunctions(files: Files): string[] {
  const begins =
    /^( *)(?:.*\bfunction\b.*|.*=> \{|(?!(?:if|for|while|switch|return)\b)[\w$#* ]+(?:<.*>)?\(.*)$/
  return [...files].flatMap(([file, text]) => {
    if (!/^src\/.*\.ts$/.test(file)) return []
    const lines = text.split('\n')
    return lines.flatMap((line, start) => {
      const indent = begins.exec(line)?.[1]
      if (indent === undefined || MAY_BE_LONG.test(line)) return []
      const after = lines.slice(start + 1)
      const atIndent = new RegExp(`^${indent}(?![)\\]}].*[{(]$|\\)? ?=> \\{$)\\S`)
      const end = after.findIndex((other) => atIndent.test(other))
      const length = end + 2
      if (!after[end]?.startsWith(`${indent}}`) || length <= LONGEST_FUNCTION) return []
      return [`${file}:${start + 1} has a function of ${length} lines`]
    })
  })
}

export function openings(files: Files): string[] {
  return [...files]
    .filter(([, text]) => !/^(#!.*\n)?(\/\/|--|\/\*) ?\S/.test(text))
    .map(([file]) => `${file} does not open with a comment`)
}

/**
 * Literals spread into literals, to have several fields on a line: TypeScript checks no field of
 * one for being too many, so a misspelt `pipelin: true` compiles in it.
 */
export function packedFields(files: Files): string[] {
  return [...files].flatMap(([file, text]) =>
    file.endsWith('.ts') && /\.{3}\{/.test(text) ? [`${file} spreads a literal`] : [],
  )
}

/** What a file exports and no other one imports by its name. */
export function unusedExports(files: Files): string[] {
  const used = new Map<string, Set<string>>()
  for (const [file, text] of files) {
    const imports = text.matchAll(/(?:import|export)\s+([^'";]*?)\s*from\s*'(\.[^']+)'/g)
    const later = text.matchAll(/const (\{[^}]*\}) = await import\('(\.[^']+)'\)/g)
    const alone = [...text.matchAll(/\(await import\('(\.[^']+)'\)\)\.(\w+)/g)]
    const ones = alone.map(([all, target, name]) => [all, name, target])
    for (const [, clause = '', target = ''] of [...imports, ...later, ...ones]) {
      const names = clause.match(/[\w$*]+/g) ?? []
      const imported = path.join(path.dirname(file), target)
      used.set(imported, new Set([...(used.get(imported) ?? []), ...names]))
    }
  }
  return [...files].flatMap(([file, text]) => {
    const names = used.get(file) ?? new Set()
    if (names.has('*')) return []
    const exported = text.matchAll(
      /^export (?:async )?(?:function\*?|const|let|class|type) (\w+)/gm,
    )
    return [...exported]
      .filter(([, name]) => !names.has(name as string))
      .map(([, name]) => `${file} exports ${name}, which nobody imports`)
  })
}

export function leftovers(files: Files): string[] {
  const faults: string[] = []
  for (const [file, text] of files) {
    if (file === 'test/helpers/tidy.ts') continue
    if (/\b(TODO|FIXME|XXX|HACK)\b/.test(text)) faults.push(`${file} has a reminder`)
    if (/\.(only|skip|todo)\(/.test(text)) faults.push(`${file} skips tests`)
    if (/process\.env\b/.test(text) && file.startsWith('src/') && file !== 'src/config.ts') {
      faults.push(`${file} reads the environment`)
    }
    const waits = /\bsleep\(|timers\/promises/.test(text)
    if (waits && file.startsWith('test/')) {
      faults.push(`${file} waits for a time: wait for a fact`)
    }
  }
  return faults
}

/** Without lines that are comments. */
const codeOf = (text: string) => text.replace(/^\s*(\/\/|\/?\*|#).*$/gm, '')

/**
 * Casts of what the database has answered: the type belongs to the statement, and what may be
 * missing is looked at (src/db/only-row.ts).
 */
export function rowCasts(files: Files): string[] {
  const cast =
    /\brows(\[[^\]]*\]|\.\w+\([^)]*\))?!? as (?=[A-Z{[(])|\bas \(?(typeof rows|\w*Rows?\b)/
  return [...files].flatMap(([file, text]) =>
    file.endsWith('.ts') && cast.test(codeOf(text)) ? [`${file} casts a row`] : [],
  )
}

/** What runs tests may take from them; everything else in scripts/ stands without them. */
export function scriptsAlone(files: Files): string[] {
  return [...files].flatMap(([file, text]) =>
    importsOf(file, text)
      .filter((target) => target.startsWith('test/'))
      .filter(() => file.startsWith('scripts/') && file !== 'scripts/test.ts')
      .map((target) => `${file} imports ${target}`),
  )
}

/**
 * Files that nobody imports and nothing runs. What is run stands in one of `runners`, is a test, or
 * is named in the code of another file, by its folder or from within it.
 */
export function deadFiles(files: Files, runners: string[] = []): string[] {
  const imported = new Set<string>()
  for (const [file, text] of files) for (const target of importsOf(file, text)) imported.add(target)
  const code = [...files].map(([file, text]) => ({
    file,
    folder: path.dirname(file),
    text: codeOf(text),
  }))
  const isNamed = (file: string) => {
    const folder = path.dirname(file)
    const base = path.basename(file)
    const place = `${path.basename(folder)}/${base}`
    return code.some(
      (other) =>
        other.file !== file &&
        (other.text.includes(place) ||
          (other.folder === folder && other.text.includes(`'${base}'`))),
    )
  }
  return [...files.keys()].filter((file) => {
    if (file.startsWith('sql/') || /\.test\.ts$|\/main\.js$/.test(file)) return false
    if (imported.has(file) || runners.some((text) => text.includes(file))) return false
    return file.startsWith('src/') || !isNamed(file)
  })
}
