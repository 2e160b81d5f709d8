// The kinds of destinations under torture. A new one is a module and a line here.

import type { Destination } from './destination.ts'
import { s3 } from './s3.ts'
import { webhook } from './webhook.ts'

export const destinations: Destination[] = [webhook, s3]
