import type { ShownAlarm } from './alarm.ts'

/** What to do about an alarm: a sentence, and one page to open. */
export interface Advice {
  readonly text: string
  readonly label: string
  readonly href: string
}

interface Entry {
  readonly title: string
  readonly text: string
  readonly label: string
  /** The page, below that of the run; one that begins with a slash is of the server. */
  readonly page: string
}

const worst = { label: 'Worst rollouts', page: 'rollouts?sort=worst' }
const best = { label: 'Best rollouts', page: 'rollouts?sort=best' }

const entries: Readonly<Record<string, Entry>> = {
  no_score: {
    title: 'Rollouts without a score',
    text: 'Find the code, mend the cause, and let the trainer discard these rollouts.',
    label: 'Rollouts that failed',
    page: 'rollouts?outcome=failed',
  },
  failed_calls: {
    title: 'Tools fail',
    text: 'The model is not at fault: look at the cause of a failed call.',
    label: 'Rollouts with failed calls',
    page: 'rollouts?failed=1',
  },
  refused_keys: {
    title: 'Keys are refused',
    text: 'Many trainers show the refusal to the model and continue: mend the key now.',
    label: 'Health',
    page: '/dashboard/health',
  },
  unfit_items: {
    title: 'Items do not fit',
    text: 'Compare the dataset with the environment’s schema: npm run scorekeeper -- dataset check.',
    label: 'Health',
    page: '/dashboard/health',
  },
  no_spread: {
    title: 'Groups without spread',
    text: 'A trainer learns nothing from equal rewards: choose other items, or a reward with more steps.',
    label: 'Items',
    page: 'items?sort=spread',
  },
  ceiling: {
    title: 'Nothing left to learn',
    text: 'Nearly every rollout gets the most that the grader gives: choose harder items.',
    ...best,
  },
  reward_without_work: {
    title: 'Reward without the work',
    text: 'The grader may pay for what it should not: read the best rollouts.',
    ...best,
  },
  parts_diverge: {
    title: 'Parts diverge',
    text: 'One part rises while another falls: see which the model has found cheaper.',
    ...best,
  },
  same_answer: {
    title: 'One answer for many items',
    text: 'Read it, and see whether the grader pays for it.',
    ...best,
  },
  fewer_calls: {
    title: 'Calls halved',
    text: 'The model does less and is not better for it: look for a shortcut.',
    ...best,
  },
  long_answers: {
    title: 'Answers grow',
    text: 'Length may be what the grader pays for: read the best rollouts.',
    ...best,
  },
  repetitive_answers: {
    title: 'Answers repeat themselves',
    text: 'They compress more than ten to one: read some.',
    ...worst,
  },
  jump: {
    title: 'The reward jumps',
    text: 'A step this large is rarely learning: look for a change of the grader, the data or the model.',
    ...best,
  },
  overfit: {
    title: 'Validation falls',
    text: 'Training still rises: the model may memorise, or exploit what validation does not have.',
    ...worst,
  },
  budget: {
    title: 'Budgets are used up',
    text: 'Raise the budget, or find the tool that the model calls again and again.',
    label: 'Rollouts at the limit',
    page: 'rollouts?code=budget_used_up&sort=calls',
  },
  judge_drift: {
    title: 'The judge drifts',
    text: 'The same answers get other scores than before: pin the model of the judge.',
    ...worst,
  },
  silence: {
    title: 'Silence',
    text: 'The trainer stopped calling: see whether it still runs.',
    label: 'Latest rollouts',
    page: 'rollouts',
  },
  behind: {
    title: 'The sums are behind',
    text: 'Curves and alarms are late: look for a transaction that stays open, or a missing right of the database role.',
    label: 'Health',
    page: '/dashboard/health',
  },
}

/** The title of an alarm. */
export const titleOf = (name: string): string => entries[name]?.title ?? name

/** What to do about an alarm. */
export function adviceOf({ name, run }: Pick<ShownAlarm, 'name' | 'run'>): Advice {
  const { text, label, page } = entries[name] ?? { text: '', label: 'Health', page: '/dashboard/health' }
  const isOfServer = page.startsWith('/') || run === ''
  return {
    text,
    label,
    href: page.startsWith('/') ? page : isOfServer ? '/dashboard' : `/dashboard/runs/${run}/${page}`,
  }
}
