import { cat } from './cat.ts'
import { list } from './list.ts'
import { note } from './note.ts'
import { search } from './search.ts'

export const tools = [search, list, cat, note]
