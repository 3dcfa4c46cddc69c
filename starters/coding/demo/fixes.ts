// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are texts of programs.

/** A change to a file: the text that is replaced, and what replaces it. */
export interface Edit {
  readonly file: string
  readonly from: string
  readonly to: string
}

/** What a good engineer changes for each issue, by its title. Scripted agents cannot think; these are their thoughts. */
export const fixes: Readonly<Record<string, readonly Edit[]>> = {
  'Several spaces in a title': [{ file: 'src/slug.mjs', from: "/\\s/g, '-'", to: "/\\s+/g, '-'" }],
  'Dashes at the ends of slugs': [
    { file: 'src/slug.mjs', from: ".replace(/\\s/g, '-')", to: ".replace(/\\s/g, '-')\n    .replace(/^-+|-+$/g, '')" },
  ],
  'Lines that fit exactly are broken': [
    { file: 'src/wrap.mjs', from: 'longer.length >= width', to: 'longer.length > width' },
  ],
  'Doubled quotes in CSV': [
    {
      file: 'src/csv.mjs',
      from: "    if (isQuoted && char === '\"') {",
      to: "    if (isQuoted && char === '\"' && line[at + 1] === '\"') {\n      field += '\"'\n      at += 1\n    } else if (isQuoted && char === '\"') {",
    },
  ],
  'Line breaks in CSV': [{ file: 'src/csv.mjs', from: '/[",]/', to: '/[",\\n\\r]/' }],
  '"undefined" in rendered texts': [{ file: 'src/template.mjs', from: 'values[name])', to: "values[name] ?? '')" }],
  'Shortened texts are too long': [
    { file: 'src/truncate.mjs', from: 'text.slice(0, length)', to: 'text.slice(0, length - 1)' },
  ],
  'Amounts with thousands separators': [
    { file: 'src/money.mjs', from: "text.trim().split('.')", to: "text.trim().replaceAll(',', '').split('.')" },
  ],
  'The sign of negative amounts': [
    {
      file: 'src/money.mjs',
      from: 'return `$${(cents / 100).toFixed(2)}`',
      to: "return `${cents < 0 ? '-' : ''}$${(Math.abs(cents) / 100).toFixed(2)}`",
    },
  ],
  'Cents are lost in a split': [
    {
      file: 'src/money.mjs',
      from: 'Array.from({ length: parts }, () => Math.floor(cents / parts))',
      to: 'Array.from({ length: parts }, (_, at) => Math.floor(cents / parts) + (at < cents % parts ? 1 : 0))',
    },
  ],
  'Refunds are missing from balances': [
    {
      file: 'src/account.mjs',
      from: "if (kind === 'deposit') sum",
      to: "if (kind === 'deposit' || kind === 'refund') sum",
    },
  ],
  'Transfers without cover': [
    {
      file: 'src/account.mjs',
      from: "  from.add('payment', cents, date)",
      to: "  if (from.balance() < cents) throw new Error('insufficient funds')\n  from.add('payment', cents, date)",
    },
  ],
  'Reports name the wrong month': [
    { file: 'src/report.mjs', from: 'day.getUTCMonth())', to: 'day.getUTCMonth() + 1)' },
  ],
  'Interest on interest': [
    { file: 'src/interest.mjs', from: 'cents * (1 + rate * years)', to: 'cents * (1 + rate) ** years' },
  ],
  'A least fee, also for the first year': [
    {
      file: 'src/fees.mjs',
      from: 'return Math.round(cents * 0.01)',
      to: 'return Math.max(500, Math.round(cents * 0.01))',
    },
    { file: 'src/interest.mjs', from: '+ fee(cents)', to: '+ (cents === 0 ? 0 : fee(cents))' },
  ],
  'Durations of several units': [
    {
      file: 'src/duration.mjs',
      from: '  const [, amount, unit] = /^(\\d+)([hms])/.exec(text)\n  return Number(amount) * seconds[unit]',
      to: '  let total = 0\n  for (const [, amount, unit] of text.matchAll(/(\\d+)([hms])/g)) total += Number(amount) * seconds[unit]\n  return total',
    },
  ],
  'No text for zero seconds': [
    {
      file: 'src/duration.mjs',
      from: "return parts.join(' ')",
      to: "return parts.length === 0 ? '0s' : parts.join(' ')",
    },
  ],
  'Jobs of one priority are taken in the wrong order': [
    { file: 'src/queue.mjs', from: '.priority >= this', to: '.priority > this' },
  ],
  'Cycles of jobs': [
    {
      file: 'src/graph.mjs',
      from: '  const visit = (job) => {\n    if (done.includes(job)) return\n    for (const before of needs[job] ?? []) visit(before)\n    done.push(job)',
      to: "  const open = new Set()\n  const visit = (job) => {\n    if (done.includes(job)) return\n    if (open.has(job)) throw new Error('cycle')\n    open.add(job)\n    for (const before of needs[job] ?? []) visit(before)\n    done.push(job)",
    },
  ],
  'Waiting times without an end': [
    { file: 'src/config.mjs', from: '{ baseMs: 100, workers: 4 }', to: '{ baseMs: 100, maxMs: 5000, workers: 4 }' },
    { file: 'src/retry.mjs', from: 'const { baseMs }', to: 'const { baseMs, maxMs }' },
    {
      file: 'src/retry.mjs',
      from: 'return baseMs * 2 ** (attempt - 1)',
      to: 'return Math.min(maxMs, baseMs * 2 ** (attempt - 1))',
    },
  ],
}
