// The list of an integration's files: its schema, and its pages.

import { Type } from 'typebox'
import { limits } from '../config.ts'
import type { Db } from '../db/pool.ts'
import { listFiles } from '../delivery/files/manifest.ts'
import { fault, invalid } from '../errors.ts'
import { PositionValue, positionOf, timeOf } from '../log/position.ts'

const DateTime = Type.String({ format: 'date-time' })

export const FileList = Type.Object(
  {
    files: Type.Array(
      Type.Object(
        {
          key: Type.String({
            examples: ['exports/dodici/1763640000123-data-3f9c2a71.export'],
            description: 'Of the object in the bucket.',
          }),
          count: Type.Integer({ description: 'Events, one a line.' }),
          bytes: Type.Integer({
            format: 'int64',
            examples: [48_211],
            description: 'Of the object as it is stored.',
          }),
          sha256: Type.String({
            examples: ['9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'],
            description: 'Of the object as it is stored, in hex.',
          }),
          first_position: PositionValue('Of its first event.'),
          last_position: PositionValue('Of its last event.'),
          first_published_at: DateTime,
          last_published_at: DateTime,
          created_at: DateTime,
          finished_at: DateTime,
        },
        { title: 'ExportedFile' },
      ),
      { maxItems: limits.mostFilesListed },
    ),
  },
  { title: 'FileList' },
)

export const fileParameters = [
  {
    in: 'query' as const,
    name: 'limit',
    description: 'The most entries of a page.',
    required: false,
    schema: Type.Integer({
      minimum: 1,
      maximum: limits.mostFilesListed,
      default: limits.filesListed,
    }),
  },
  {
    in: 'query' as const,
    name: 'before',
    description: 'Only files created before this time: the created_at of the last one of a page.',
    required: false,
    schema: DateTime,
  },
]

/** A page of the files. Throws `invalid_request` if `limit` or `before` is invalid. */
export async function readFiles(
  db: Db,
  tenant: string,
  { id, createdPosition }: { id: string; createdPosition: number },
  query: Record<string, string | string[] | undefined>,
): Promise<{ files: object[] }> {
  const { limit = String(limits.filesListed), before } = query
  const most = /^\d{1,4}$/.test(String(limit)) ? Number(limit) : 0
  const until = before === undefined ? Number.MAX_SAFE_INTEGER : positionOf(String(before))
  if (most < 1 || most > limits.mostFilesListed) {
    throw invalid([fault('limit', 'invalid', `must be 1 to ${limits.mostFilesListed}`)])
  }
  if (until === undefined) {
    throw invalid([fault('before', 'invalid', 'must be a time like 2026-01-17T12:00:00.000Z')])
  }
  const range = { since: createdPosition, before: until, limit: most }
  const files = await listFiles(db, tenant, id, range)
  return {
    files: files.map(({ firstPosition, lastPosition, position, finishedAt, ...file }) => ({
      ...file,
      first_position: firstPosition,
      last_position: lastPosition,
      first_published_at: timeOf(firstPosition),
      last_published_at: timeOf(lastPosition),
      created_at: timeOf(position),
      finished_at: finishedAt.toISOString(),
    })),
  }
}
