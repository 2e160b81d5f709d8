// A schema that takes null, too.

import { Type } from 'typebox'

/** The schema or null. A description is that of both. */
export const Nullable = <T extends Type.TSchema>(schema: T, description?: string) =>
  Type.Union([schema, Type.Null()], description ? { description } : {})
