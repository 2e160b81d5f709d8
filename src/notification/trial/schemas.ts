// OpenAPI descriptions of the mails that a job would send now, and of a test mail.

import { type Static, Type } from 'typebox'
import { Nullable } from '../../input/nullable.ts'
import { WORDS } from '../../input/text.ts'
import { PositionValue } from '../../log/position.ts'

/** Mails in one preview, and by default; and the customers that one looks at. */
export const MOST_SHOWN = 100
export const SHOWN = 10
export const MOST_EXAMINED = 10_000

const Count = (description: string) => Type.Integer({ description })
const Data = Type.Object(
  {},
  {
    title: 'MailData',
    additionalProperties: true,
    description: 'The data for the template.',
    examples: [{ notification: 'BACK_IN_STOCK', customer_id: 'c-1', item_count: 1, items: [] }],
  },
)
export const CustomerId = Type.String({
  minLength: 1,
  maxLength: 255,
  pattern: WORDS,
  examples: ['c-1'],
})

export const Preview = Type.Object(
  {
    as_of: Type.String({ format: 'date-time', description: 'When it was looked at.' }),
    position: PositionValue('It knows the events of the shop up to here.'),
    customers: Count('Customers with a notice, before any is withheld.'),
    examined: Count(
      `The first of them, by id, at most ${MOST_EXAMINED}: the counts below are theirs.`,
    ),
    recipients: Count('Customers who would get a mail.'),
    mails: Type.Array(
      Type.Object(
        {
          customer_id: Type.String(),
          email: Type.String(),
          name: Type.Optional(Type.String()),
          data: Data,
        },
        { title: 'PreviewedMail' },
      ),
      { maxItems: MOST_SHOWN, description: 'The first mails.' },
    ),
    withheld: Type.Array(
      Type.Object(
        {
          reason: Type.String(),
          customers: Count('How many customers have something that is withheld for this reason.'),
          first: Type.Array(Type.String(), { maxItems: MOST_SHOWN, description: 'Their first.' }),
        },
        { title: 'WithheldFor' },
      ),
      { description: 'Customers without a mail, or with items that it leaves out, by reason.' },
    ),
  },
  { title: 'JobPreview' },
)
export type Preview = Static<typeof Preview>

export const TestMail = Type.Object(
  {
    email: Type.String({ format: 'email', maxLength: 320, examples: ['ada@example.com'] }),
    customer_id: Type.Optional(CustomerId),
  },
  {
    title: 'TestMail',
    additionalProperties: false,
    examples: [{ email: 'ada@example.com' }],
  },
)
export type TestMail = Static<typeof TestMail>

export const TestMailResult = Type.Object(
  {
    outcome: Type.Enum(['accepted', 'rejected', 'refused', 'unavailable', 'unknown'], {
      description:
        'The answer of SendGrid: accepted, rejected (the address), refused (the key, sender or ' +
        'template), unavailable (try again), or unknown (it may have accepted it).',
    }),
    reason: Nullable(Type.String({ description: 'If it was not accepted.' })),
    email: Type.String({ description: 'The only address to which it was sent.' }),
    template_id: Type.String(),
    data_from: Type.Enum(['due', 'wishlist', 'example'], {
      description:
        'due: what this customer would get now; wishlist: as if all of their wishlist were news; ' +
        'example: made up, since nobody would get a mail now.',
    }),
    data: Data,
  },
  { title: 'TestMailResult' },
)
export type TestMailResult = Static<typeof TestMailResult>
