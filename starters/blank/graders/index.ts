import { price } from './price.ts'

/** YOURS: the graders that are served, each at `/graders/{name}`. The first is the one of `/grade`. */
export const graders = [price]
