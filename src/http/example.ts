// Examples of a schema's values: the schema's own, or one composed of its parts' examples. So every
// body in the document has an example, with all fields of its schema.

/** The keywords of JSON Schema that this reads. */
type Schema = {
  type?: string
  format?: string
  examples?: unknown[]
  default?: unknown
  const?: unknown
  enum?: unknown[]
  anyOf?: Schema[]
  minimum?: number
  readOnly?: boolean
  properties?: Record<string, Schema>
  items?: Schema
}

const texts: Record<string, string> = {
  'date-time': '2026-11-20T12:00:00.123456Z',
  email: 'shop@example.com',
  uri: 'https://erp.example.com/events',
  uuid: '1a8a5052-8741-4daf-982e-e0a12990335a',
}

/**
 * The first example of a schema, or one composed of its parts' examples. `isSent`: for a request,
 * without read-only fields.
 */
export function exampleOf(schema: Schema, isSent = false): unknown {
  const { type, examples, properties = {}, items, anyOf } = schema
  if (examples) return examples[0]
  if ('const' in schema) return schema.const
  if (schema.enum) return schema.enum[0]
  if (anyOf) return exampleOf(anyOf[0] ?? {}, isSent)
  switch (type) {
    case 'object':
      return Object.fromEntries(
        Object.entries(properties)
          .filter(([, { readOnly }]) => !(isSent && readOnly))
          .map(([name, inner]) => [name, exampleOf(inner, isSent)]),
      )
    case 'array':
      return [exampleOf(items ?? {}, isSent)]
    case 'boolean':
      return schema.default ?? true
    case 'integer':
    case 'number':
      return schema.default ?? Math.max(1, schema.minimum ?? 1)
    case 'null':
      return null
    default:
      return schema.default ?? texts[schema.format ?? ''] ?? 'text'
  }
}
