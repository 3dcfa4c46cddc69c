import type { JobPlan } from './job-body.ts'

/** What is likely wrong about a job that has the right form, a sentence each. */
export function jobWarnings(plan: JobPlan, budget: number | undefined): readonly string[] {
  const { url, headers, maxEpisodeSteps, platform, tools } = plan
  const { protocol, hostname } = new URL(url)
  const isHere = /^(localhost|127\.|0\.0\.0\.0$|\[::1?\]$|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/.test(hostname)
  return [
    isHere && `${hostname} is an address of this machine or network, which a trainer cannot reach`,
    protocol !== 'https:' && 'the address is not https: keys and references would travel in the open',
    Object.keys(headers).length === 0 &&
      'there are no headers: set SCOREKEEPER_KEY, or the server must take all callers',
    tools.length > 0 &&
      budget !== undefined &&
      maxEpisodeSteps < budget &&
      `max_episode_steps is ${maxEpisodeSteps}: who makes one call a step is cut off before the budget of ${budget} calls`,
    plan.validationFile === undefined &&
      (platform === 'azure'
        ? 'Azure wants a validation file'
        : 'without a validation file nothing tells learning from memorising'),
  ].filter((one) => one !== false)
}
