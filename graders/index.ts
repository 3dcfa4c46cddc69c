import { finqa } from './finqa.ts'

/** YOURS: the graders that the server offers, each at `/graders/{name}`; the first is the default, at `/grade`. */
export const graders = [finqa]
