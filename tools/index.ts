import { cat } from './cat.ts'
import { list } from './list.ts'
import { search } from './search.ts'

/** The tools that the server offers: a new one is a file beside this and a name in this list. */
export const tools = [search, list, cat]
