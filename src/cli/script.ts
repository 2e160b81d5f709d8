// The scripts of sql/: parses their opening comments, and prepares their text to run without psql.
// They are written for psql: `:'name'` is a variable. Here it becomes a bound parameter, never
// text. Their only psql command gives a variable its default:
//   \if :{?since} \else \set since '1970-01-01' \endif

import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

const root = path.join(import.meta.dirname, '../../sql')
const FOLDERS = ['audit', 'replay', 'ops']

type Variable = { name: string; example: string; meaning: string; default?: string }

export type Script = {
  /** "audit/order-history". */
  name: string
  question: string
  /** The second line: that it only reads, or what it writes. */
  effect: string
  variables: Variable[]
  statements: Statement[]
}

/** One statement: `names` are the variables of $1, $2, … */
type Statement = { text: string; names: string[] }

/** Every script, by folder and name. */
export function readScripts(): Script[] {
  return FOLDERS.flatMap((folder) => {
    const files = readdirSync(path.join(root, folder)).filter((file) => file.endsWith('.sql'))
    return files.sort().map((file) => {
      const text = readFileSync(path.join(root, folder, file), 'utf8')
      return parseScript(`${folder}/${file.replace(/\.sql$/, '')}`, text)
    })
  })
}

/** Parses a script's text. Throws an Error if it deviates from the common form. */
export function parseScript(name: string, text: string): Script {
  const [first = '', second = '', ...rest] = text.split('\n')
  const question = /^-- Question: (.+\?)$/.exec(first)?.[1]
  const effect = /^-- ((?:Reads|Writes) .+\.)$/.exec(second)?.[1]
  if (!question || !effect)
    throw new Error(`${name} lacks its question, or the line that says what it writes.`)

  const variables: Variable[] = []
  for (const line of rest.slice(0, rest.indexOf(''))) {
    const [, variable, example, meaning] = /^-- (\w+)=(\S+): (.+)$/.exec(line) ?? []
    if (!variable || !example || !meaning)
      throw new Error(`${name} has an unknown line in its opening comment: ${line}`)
    variables.push({ name: variable, example, meaning })
  }
  const body = text.replace(DEFAULT, (_, variable: string, value: string) => {
    const known = variables.find((candidate) => candidate.name === variable)
    if (!known) throw new Error(`${name} has a default for ${variable}, but no line about it.`)
    known.default = value
    return ''
  })
  if (!body.trimEnd().endsWith(';')) throw new Error(`${name} does not end with a semicolon.`)
  return { name, question, effect, variables, statements: parseStatements(body) }
}

const DEFAULT = /^\\if :\{\?(\w+)\} \\else \\set \1 '([^']*)' \\endif$/gm

// Comments, quoted texts and quoted names match as a whole, so that nothing in them counts as a
// variable or as an end.
const TOKEN =
  /--.*|\/\*[\s\S]*?\*\/|(?<!:):'(?<variable>\w+)'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(?<end>;)/g

function parseStatements(body: string): Statement[] {
  const statements: Statement[] = []
  let names: string[] = []
  let text = ''
  let read = 0
  for (const match of body.matchAll(TOKEN)) {
    text += body.slice(read, match.index)
    read = match.index + match[0].length
    const { variable, end } = match.groups ?? {}
    if (end) {
      statements.push({ text: text.trim(), names })
      names = []
      text = ''
    } else if (variable) {
      if (!names.includes(variable)) names.push(variable)
      text += `$${names.indexOf(variable) + 1}`
    } else text += match[0]
  }
  return statements
}
