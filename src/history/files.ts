// The list of an integration's files: its schema, and its pages.

import { Type } from 'typebox'
import { limits } from '../config.ts'
import type { Db } from '../db/pool.ts'
import { listFiles } from '../delivery/files/manifest.ts'
import { PositionValue, timeOf } from '../log/position.ts'
import { beforeOf, beforeParameters } from './before.ts'

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

const sizes = { usual: limits.filesListed, most: limits.mostFilesListed }

export const fileParameters = beforeParameters('files', sizes)

/** A page of the files. Throws `invalid_request` if `limit` or `before` is invalid. */
export async function readFiles(
  db: Db,
  tenant: string,
  { id, createdPosition }: { id: string; createdPosition: number },
  query: Record<string, string | string[] | undefined>,
): Promise<{ files: object[] }> {
  const range = { since: createdPosition, ...beforeOf(query, sizes) }
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
