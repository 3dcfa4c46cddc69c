import type { Formula, FormulaProblem, FormulaStep } from './formula.ts'

/**
 * The value of a formula for the scores of its variables.
 *
 * Every number on the way must be finite: `min(1, 1 / 0)` has no value, where JavaScript would say 1, because Python,
 * which runs these formulas elsewhere, stops there too. A variable without a finite score is a problem as well. The
 * value is never -0.
 *
 * @example evaluateFormula(formula, new Map([['name', 0.8], ['email', 1]])) // { ok: true, value: 0.9 }
 */
export function evaluateFormula(
  formula: Formula,
  scores: ReadonlyMap<string, number>,
): { readonly ok: true; readonly value: number } | { readonly ok: false; readonly problem: FormulaProblem } {
  const stack: number[] = []
  for (const step of formula.steps) {
    const value = run(step, stack, scores)
    if (!Number.isFinite(value)) return { ok: false, problem: problemOf(step, value) }
    stack.push(value)
  }
  return { ok: true, value: (stack.at(-1) ?? 0) + 0 }
}

function run(step: FormulaStep, stack: number[], scores: ReadonlyMap<string, number>): number {
  if (step.kind === 'number') return step.value
  if (step.kind === 'variable') return scores.get(step.name) ?? Number.NaN
  return step.apply(...stack.splice(stack.length - step.takes, step.takes))
}

function problemOf(step: FormulaStep, value: number): FormulaProblem {
  if (step.kind === 'number') return { message: 'a number of the formula is not finite', at: 0 }
  const where = `(character ${step.at + 1})`
  if (step.kind === 'variable') return { message: `${step.name} has no score ${where}`, at: step.at }
  const what = Number.isNaN(value) ? 'no number' : 'an infinite number'
  return { message: `"${step.sign}" makes ${what} of these scores ${where}`, at: step.at }
}
