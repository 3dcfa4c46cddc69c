import { finqa } from './finqa.ts'

/** YOURS: the graders that are served, each at `/graders/{name}`; the first is the one of `/grade`. */
export const graders = [finqa]
