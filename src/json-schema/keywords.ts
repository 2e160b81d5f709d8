// Keywords without a rule: notes for readers, and those of other drafts and dialects, for which a
// message says what to write instead.

const NOTES = new Set([
  ...['$id', '$schema', '$anchor', '$dynamicAnchor', '$defs', 'definitions', '$comment'],
  ...['$vocabulary', 'title', 'description', 'default', 'deprecated', 'readOnly', 'writeOnly'],
  ...['examples', 'contentEncoding', 'contentMediaType', 'contentSchema'],
])

const INSTEAD: Record<string, string> = {
  additionalItems: 'items',
  dependencies: 'dependentRequired or dependentSchemas',
  discriminator: 'oneOf with const',
  divisibleBy: 'multipleOf',
  example: 'examples',
  id: '$id',
  nullable: 'type with "null"',
  $recursiveAnchor: '$dynamicAnchor',
  $recursiveRef: '$dynamicRef',
}

/** Whether a keyword has no rule; keywords of one's own begin with x-. */
export const isNote = (keyword: string) => NOTES.has(keyword) || keyword.startsWith('x-')

/** Why an unknown keyword is refused, as the rest of a sentence. */
export function problemOfKeyword(keyword: string): string {
  const instead = Object.hasOwn(INSTEAD, keyword) ? INSTEAD[keyword] : undefined
  const remedy = instead ?? 'x- before a keyword of your own'
  return `is not a keyword of JSON Schema 2020-12; write ${remedy}`
}
