// What V8 is told before anything runs, by importing this. It guesses from the first seconds which
// objects will live long, and allocates those of the same place in the code among the old ones from
// then on. For requests and events that is wrong, and worse than slow: what has died among the old
// ones keeps alive all that it points to until a full collection. About one `serve` in six went on
// like that for life: 53 us of CPU an event instead of 35, a p99 of 44 ms instead of 27 (256
// publishers, 5 of 27 processes; without the guess none of 20).

import v8 from 'node:v8'

v8.setFlagsFromString('--no-allocation-site-pretenuring')

// And the buffers of statements and payloads, which are not on the heap, count as old objects: with
// little else that is old, V8 ran twenty full collections a second at 20,000 events/s, 12 to 17 us
// of CPU an event where 6 to 8 will do. The old ones may become three times what survived the last
// full collection before the next (resident memory of exports and deliveries: no change).
v8.setFlagsFromString('--heap-growing-percent=200')
