import { cat } from './cat.ts'
import { list } from './list.ts'
import { search } from './search.ts'

/** YOURS: the tools that the server offers. To add one, create a file next to this one and add it to this list. */
export const tools = [search, list, cat]
