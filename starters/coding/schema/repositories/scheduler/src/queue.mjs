/** A queue from which the job with the highest priority is taken first. */
export class Queue {
  jobs = []

  push(name, priority = 0) {
    this.jobs.push({ name, priority })
    return this
  }

  take() {
    let best = 0
    for (let at = 1; at < this.jobs.length; at += 1) {
      if (this.jobs[at].priority >= this.jobs[best].priority) best = at
    }
    return this.jobs.splice(best, 1)[0]?.name
  }
}
