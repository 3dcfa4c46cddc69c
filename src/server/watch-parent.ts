/**
 * Calls `onGone` when the process that started this one has ended, looking every half second; gives the function that
 * ends the watch.
 *
 * npm runs a script in a shell and passes SIGTERM to the shell alone: many a shell dies of it and says nothing to what it
 * runs, which would be left behind with the port and the database.
 */
export function watchParent(onGone: () => void): () => void {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    onGone()
  }, 500)
  timer.unref()
  return () => clearInterval(timer)
}
