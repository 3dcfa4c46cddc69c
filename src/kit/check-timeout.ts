/** The longest that a timer of Node can wait, in whole seconds. */
const longest = 2_147_483

/** Throws when a tool or a grader allows itself a time that no timer can keep: one that is too long would go off at once. */
export function checkTimeout(
  kind: 'tool' | 'grader',
  { name, timeoutSeconds }: { readonly name: string; readonly timeoutSeconds?: number },
): void {
  if (timeoutSeconds === undefined || (timeoutSeconds > 0 && timeoutSeconds <= longest)) return
  throw new Error(
    `the ${kind} "${name}" has timeoutSeconds ${timeoutSeconds}; give it more than 0 and at most ${longest} seconds`,
  )
}
