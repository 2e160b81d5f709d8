// Plain English as a rule: phrases that hide who does what, each with what to write instead. The
// rule reads comments and texts of src, sql and scripts, and the docs. It leaves migrations alone:
// a released one never changes.

import type { Files } from './tidy.ts'

const PHRASES: [phrase: RegExp, instead: string][] = [
  [/\b(is|are|was|were|be|been) told\b/i, 'gets, sees, learns; notifies it'],
  [/\bwho(m)?ever\b/i, 'the noun: callers that, a process that'],
  [/\b(for|to|of|by) who\b/i, 'the noun: callers that, a process that'],
  [/(?:^|[.:;] )Who (?![^.?]*\?)/, 'the noun first: A caller that'],
  [/(?:^|[.:;] )What (?![^.?]*\?)/, 'the noun first: The fields that'],
  [/\bso many\b(?! \w* ?that\b)/i, 'N, at most N, this many'],
  [/\bas soon as\b/i, 'once, when'],
  [/\bat the most\b/i, 'at most'],
  [/\bthe most there can be\b/i, 'the maximum'],
  [/\bof before\b/i, 'earlier, previous'],
  [/\blets? go\b/i, 'releases, ends'],
  [/\bin words\b/i, 'as a sentence'],
  [/\bbut for\b/i, 'except'],
  [/\b(is|are|was|were) (waited|looked|asked) for\b/i, 'active: X waits for Y'],
  [/(?<!there )\b(is|are) none\b/i, 'is not a …'],
  [/\b(undefined|throws?|rejects?) where\b/i, 'if'],
  [/\bwhere (there (is|are)|nobody|none)\b/i, 'if'],
  [/\(measured\)|\bmeasured:/i, 'what was compared with what'],
]

/** The phrases in each file, with what to write instead. */
export function phrases(files: Files): string[] {
  return [...files].flatMap(([file, text]) => {
    if (!/^(src|sql|scripts|docs)\/|^[A-Z]+\.md$/.test(file) || isAsReleased(file)) return []
    return proseOf(file, text).flatMap((prose) =>
      faultsOf(prose).map((fault) => `${file}: ${fault}`),
    )
  })
}

const isAsReleased = (file: string) => /^sql\/(migrations\/|schema\.sql$)/.test(file)

function faultsOf(prose: string): string[] {
  return PHRASES.flatMap(([phrase, instead]) => {
    const found = phrase.exec(prose)?.[0].trim()
    return found === undefined ? [] : [`"${found}" → ${instead}`]
  })
}

/** The comments and texts of a file, each on one line. */
function proseOf(file: string, text: string): string[] {
  if (file.endsWith('.md')) return [oneLine(text.replaceAll(/```.*?```/gs, ''))]
  const mark = file.endsWith('.sql') ? '--' : '//'
  const lines = text.match(RegExp(`^[ \\t]*${mark}.*(?:\\n[ \\t]*${mark}.*)*`, 'gm')) ?? []
  const blocks = mark === '//' ? (text.match(/\/\*.*?\*\//gs) ?? []) : []
  const ends = [...text.matchAll(RegExp(`\\S ${mark} (.*)$`, 'gm'))].map(([, end = '']) => end)
  const comments = [...lines, ...blocks, ...ends].map((comment) =>
    oneLine(comment.replaceAll(/^[ \t]*(?:\/\*\*?|\*\/?|\/\/|--)|\*\/$/gm, '')),
  )
  const code = text
    .replaceAll(RegExp(`^[ \\t]*${mark}.*$`, 'gm'), '')
    .replaceAll(/\/\*.*?\*\//gs, '')
  const strings = code.match(/'[^'\n]* [^'\n]*'|"[^"\n]* [^"\n]*"|`[^`]* [^`]*`/g) ?? []
  return [...comments, ...strings.map((string) => oneLine(string.slice(1, -1)))]
}

const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ').trim()
