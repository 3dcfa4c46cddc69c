import { resolved } from './resolved.ts'

/** YOURS: the graders that are served, each at `/graders/{name}`. The first is the one of `/grade`. */
export const graders = [resolved]
