import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

// Asks the registry about known vulnerabilities of production dependencies. Exits with 1 if there is a high or critical
// one, with 0 if there is none or the registry does not support audits.
const root = fileURLToPath(new URL('..', import.meta.url))
const args = ['audit', '--omit=dev', '--audit-level=high', '--json', '--fetch-retries=1', '--fetch-timeout=30000']
const options = { cwd: root, maxBuffer: 64 * 1024 * 1024, shell: process.platform === 'win32' }

execFile('npm', args, options, (_, stdout) => {
  const report = read(stdout)
  if (report?.vulnerabilities === undefined) {
    const why = report?.message ?? report?.error?.summary ?? 'it did not answer'
    console.log(`audit: the registry does not serve advisories (${String(why).split('\n')[0]})`)
    return
  }
  const grave = Object.values(report.vulnerabilities).filter(({ severity }) => /^(high|critical)$/.test(severity))
  for (const { name, severity, via } of grave) {
    const titles = via.map((one) => (typeof one === 'string' ? `through ${one}` : `${one.title} ${one.url}`))
    console.log(`audit: ${name}: ${severity}: ${titles.join('; ')}`)
  }
  console.log(`audit: ${grave.length} high or critical vulnerabilities in production dependencies`)
  if (grave.length > 0) process.exitCode = 1
})

function read(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
