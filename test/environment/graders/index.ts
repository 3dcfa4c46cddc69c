import { answer } from './answer.ts'
import { effort } from './effort.ts'

export const graders = [answer, effort]
