/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import type { FC } from 'hono/jsx'
import type { ReportedSandbox, SandboxFailures, SandboxReport } from '../../ledger/reports/sandbox-report.ts'
import { visible } from '../components/page.ts'
import { Ago, At, countText, durationShort } from '../components/text.tsx'

/** How each status is named, and its colour. */
const statuses: Readonly<Record<ReportedSandbox['status'], readonly [label: string, kind: string]>> = {
  requested: ['queued', 'open'],
  opening: ['opening', 'open'],
  open: ['open', 'ok'],
  closing: ['closing', 'refused'],
  closed: ['closed', 'open'],
  failed: ['failed', 'failed'],
}

/** The sandboxes that may exist, and why some failed. */
export const Sandboxes: FC<{ readonly report: SandboxReport; readonly now: number }> = ({ report, now }) => {
  const { counts, waiting_since, sandboxes, failures } = report
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0)
  const figure = (name: string, value: string, isBad = false) => (
    <div>
      <dt>{name}</dt>
      <dd class={isBad ? 'failed' : ''}>{value}</dd>
    </div>
  )
  const { open = 0, opening = 0, requested = 0, closing = 0, failed = 0 } = counts
  return (
    <>
      <h1>Sandboxes</h1>
      <p class="under">Those that may exist or are queued, on all replicas.</p>
      <dl class="figures">
        {figure('open', countText(open))}
        {figure('opening', countText(opening))}
        {figure('queued', countText(requested))}
        {figure('longest wait in the queue', waiting_since === null ? '–' : durationShort(now - waiting_since))}
        {figure('closing', countText(closing))}
        {figure('failed, may still exist', countText(failed), failed > 0)}
      </dl>
      <h2>
        {all > sandboxes.length
          ? `The oldest ${countText(sandboxes.length)} of ${countText(all)}`
          : 'All, the oldest first'}
      </h2>
      {sandboxes.length === 0 ? <p class="under">No sandbox exists.</p> : <List sandboxes={sandboxes} now={now} />}
      <h2>Failures of the last day, by cause</h2>
      {failures.length === 0 ? <p class="under">There are none.</p> : <Failures failures={failures} now={now} />}
    </>
  )
}

const addressOf = ({ run, number }: Pick<ReportedSandbox, 'run' | 'number'>) =>
  `/dashboard/runs/${run}/rollouts/${number}`

const List: FC<{ readonly sandboxes: readonly ReportedSandbox[]; readonly now: number }> = ({ sandboxes, now }) => (
  <div class="panel scroll" tabindex={0}>
    <table class="cards">
      <thead>
        <tr>
          <th>rollout</th>
          <th>status</th>
          <th class="n">age</th>
          <th>cause</th>
          <th>name</th>
          <th>run</th>
          <th class="n">opened in</th>
          <th>provider</th>
        </tr>
      </thead>
      <tbody>
        {sandboxes.map((sandbox) => {
          const { run, number, rollout, name, generation, status, provider, host, closings, cause } = sandbox
          const [label, kind] = statuses[status]
          const { requested_at, opened_at } = sandbox
          return (
            <tr data-row>
              <td class="head">
                {rollout === null ? (
                  <span class="quiet">number {number}, deleted</span>
                ) : (
                  <a class="id" href={addressOf(sandbox)}>
                    {visible(rollout)}
                  </a>
                )}
              </td>
              <td class="lead">
                <span class={`tag ${kind}`}>{label}</span>
              </td>
              <td class="n" data-label="age">
                <Ago at={requested_at} now={now} />
              </td>
              <td class="line">
                {cause !== null && visible(cause)}
                {closings > 0 && <span class="quiet"> closing failed {closings} times</span>}
              </td>
              <td data-label="name">
                {name}
                {generation > 1 && <span class="quiet"> ({generation})</span>}
              </td>
              <td class="id" data-label="run">
                {run}
              </td>
              <td class="n" data-label="opened in">
                {opened_at === null ? '–' : durationShort(opened_at - requested_at)}
              </td>
              <td data-label="provider">{host === null ? provider : `${provider} on ${visible(host)}`}</td>
            </tr>
          )
        })}
      </tbody>
    </table>
  </div>
)

const Failures: FC<{ readonly failures: readonly SandboxFailures[]; readonly now: number }> = ({ failures, now }) => (
  <div class="panel scroll" tabindex={0}>
    <table class="cards">
      <thead>
        <tr>
          <th>cause</th>
          <th class="n">sandboxes</th>
          <th>run of the latest</th>
          <th class="n">requested</th>
          <th>its rollout</th>
        </tr>
      </thead>
      <tbody>
        {failures.map((failure) => (
          <tr data-row>
            <td class="head failed">{visible(failure.cause)}</td>
            <td class="n lead figure">{countText(failure.count)}</td>
            <td class="id" data-label="run">
              {failure.run}
            </td>
            <td class="n" data-label="requested">
              <At at={failure.last_at} now={now} />
            </td>
            <td>
              <a class="id" href={addressOf(failure)}>
                number {failure.number}
              </a>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  </div>
)
