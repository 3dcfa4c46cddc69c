import { exampleBench } from './example.ts'
import { searchBench } from './search.ts'

/** The example's benches for `npm run bench`, in addition to the server's. */
export const benches = [searchBench, exampleBench]
