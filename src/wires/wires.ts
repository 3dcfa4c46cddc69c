import { mcp } from './mcp/mcp.ts'
import { nemoGym, verifiers } from './nemo-gym/nemo-gym.ts'
import { ors } from './ors/ors.ts'
import { aws } from './reward/aws.ts'
import { openRlhf } from './reward/openrlhf.ts'
import { slime } from './reward/slime.ts'
import { verl } from './verl.ts'
import type { Wire } from './wire.ts'

/** The wires beside Agent RFT, each under its prefix. */
export const wires: readonly Wire[] = [nemoGym, verifiers, ors, mcp, openRlhf, slime, aws, verl]
