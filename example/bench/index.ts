import { searchBench } from './search.ts'

/** What `npm run bench` can measure of the example, beside the server itself. */
export const benches = [searchBench]
