import { readFile } from './read-file.ts'
import { shell } from './shell.ts'
import { submitPlan } from './submit-plan.ts'

/** YOURS: the tools of the environment, in the order in which the model reads them. */
export const tools = [shell, readFile, submitPlan]
