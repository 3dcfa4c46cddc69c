import { lookUp } from './look-up.ts'

/** YOURS: the tools that the server offers. A new one is a file beside this one and a name in this list. */
export const tools = [lookUp]
