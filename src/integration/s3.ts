// The target of an integration that gets files: its registration, and its presentation.

import { Type } from 'typebox'
import { type Fault, fault } from '../errors.ts'
import { DOTTED, HYPHENATED, ruled, VISIBLE_ASCII } from '../input/pattern.ts'
import { hasControlCharacter } from '../input/text.ts'

const closed = { additionalProperties: false }
const PREFIX = ruled(
  '^[a-zA-Z0-9-/_.]*[^/]$',
  'be letters, digits and -/_. without a slash at its end',
)

const shown = {
  aws_region: Type.String({
    minLength: 1,
    maxLength: 64,
    pattern: HYPHENATED,
    description: 'The aws region.',
  }),
  bucket: Type.String({
    minLength: 1,
    maxLength: 255,
    pattern: DOTTED,
    description: 'Name of the S3 bucket.',
  }),
  key_prefix: Type.Optional(
    Type.String({
      maxLength: 64,
      pattern: PREFIX,
      description: 'The start of each key; the tenant follows it.',
    }),
  ),
  endpoint: Type.Optional(
    Type.String({
      maxLength: 2_048,
      format: 'uri',
      description: 'The http or https URL of another store with the API of S3.',
    }),
  ),
  force_path_style: Type.Optional(
    Type.Boolean({ description: 'Puts the bucket into the path, not into the host name.' }),
  ),
  compression: Type.Optional(
    Type.Enum(['gzip'], { description: 'Content-Encoding of the files; default: none.' }),
  ),
}

const Key = (what: string) =>
  Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 256,
      pattern: VISIBLE_ASCII,
      description: `${what}. Never shown again. Required unless the operator provides credentials.`,
    }),
  )

export const S3Parameters = Type.Object(
  {
    aws_access_key_id: Key('The aws access key to use for authentication'),
    aws_secret_access_key: Key('The aws secret access key to use for authentication'),
    ...shown,
  },
  { ...closed, title: 'S3Parameters' },
)

export const S3ParametersShown = Type.Object(shown, { title: 'S3ParametersShown' })

export type S3Parameters = Type.Static<typeof S3Parameters>

/** The URL of the store; the bucket is in the path, or precedes the host. */
export function storeUrlOf({
  endpoint,
  aws_region,
}: Pick<S3Parameters, 'endpoint' | 'aws_region'>): string {
  return endpoint ?? `https://s3.${aws_region}.amazonaws.com`
}

/** The rules that the schema cannot express. */
export function faultsOfS3(
  s3: S3Parameters,
  { mayBorrowKeys }: { mayBorrowKeys: boolean },
): Fault[] {
  const { key_prefix = '' } = s3
  const isText = !hasControlCharacter(key_prefix)
  const field = 's3_parameters.key_prefix'
  const prefix = isText ? [] : [fault(field, 'invalid', 'must be text without control characters')]
  return [...prefix, ...faultsOfKeys(s3, { mayBorrowKeys })]
}

function faultsOfKeys(
  { aws_access_key_id, aws_secret_access_key }: S3Parameters,
  { mayBorrowKeys }: { mayBorrowKeys: boolean },
): Fault[] {
  const keys = Object.entries({ aws_access_key_id, aws_secret_access_key })
  const missing = keys.filter(([, key]) => key === undefined).map(([name]) => name)
  if (missing.length === 0 || (missing.length === keys.length && mayBorrowKeys)) return []
  const reason =
    missing.length === keys.length
      ? 'is missing: the operator provides no credentials (MILLRACE_S3_DEFAULT_CREDENTIALS)'
      : 'is missing'
  return missing.map((name) => fault(`s3_parameters.${name}`, 'required', reason))
}
