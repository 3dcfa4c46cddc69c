import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { jobHeaders, masked } from '../../../../src/workbench/job/headers.ts'
import { type JobPlan, jobAddress, jobBody, jobWarnings } from '../../../../src/workbench/job/job-body.ts'
import { answerFormat, hyperparameters, responseFormat } from '../../../../src/workbench/job/platform-formats.ts'
import { scorekeeper } from '../../../support/scorekeeper.ts'
import { useFolder } from '../../../support/temporary.ts'

const plan: JobPlan = {
  ...{ platform: 'openai', model: 'o4-mini', trainingFile: 'file-1', validationFile: 'file-2' },
  ...{ suffix: undefined, seed: undefined, answerFormat: undefined, maxEpisodeSteps: 10 },
  ...{ url: 'https://example.com', toolPath: '/tools/{name}', tools: ['search', 'cat'] },
  headers: { Authorization: 'Bearer KEY' },
  grader: { kind: 'endpoint', name: 'finqa', rateLimit: 50, passThreshold: 0.75 },
  hyperparameters: { compute_multiplier: 1, eval_samples: 2, eval_interval: 5, reasoning_effort: 'medium' },
}
const reinforcement = {
  grader: {
    ...{ type: 'endpoint', name: 'finqa', url: 'https://example.com/graders/finqa' },
    ...{ headers: { Authorization: 'Bearer KEY' }, rate_limit: 50, pass_threshold: 0.75 },
  },
  tools: [
    { name: 'search', server_url: 'https://example.com/tools/search', headers: { Authorization: 'Bearer KEY' } },
    { name: 'cat', server_url: 'https://example.com/tools/cat', headers: { Authorization: 'Bearer KEY' } },
  ],
  max_episode_steps: 10,
  hyperparameters: { compute_multiplier: 1, eval_samples: 2, eval_interval: 5, reasoning_effort: 'medium' },
}
/** How a header names a variable of the environment. */
const variable = (name: string) => `$\{${name}}`
const published = fileURLToPath(new URL('../../../../../shared/wire/job-tools.json', import.meta.url))

describe('the body of a job', () => {
  it('names tools and grader with addresses and headers, as the public description does', () => {
    const body = { model: 'o4-mini', training_file: 'file-1', validation_file: 'file-2' }
    expect(jobBody(plan)).toEqual({ ...body, method: { type: 'reinforcement', reinforcement } })
    const one = jobBody({ ...plan, toolPath: '/tools' })
    expect(one).toMatchObject({
      method: { reinforcement: { tools: [{ server_url: 'https://example.com/tools' }, {}] } },
    })
    if (!existsSync(published)) return
    const { note: _, tools, ...rest } = JSON.parse(readFileSync(published, 'utf8'))
    const written = { ...reinforcement, ...rest }
    expect(written).toEqual(reinforcement)
    expect([tools[0], Object.keys(tools[1])]).toEqual([
      reinforcement.tools[0],
      Object.keys(reinforcement.tools[1] ?? {}),
    ])
  })

  it('leaves out options that are not set', () => {
    const bare = jobBody({ ...plan, headers: {}, tools: [], hyperparameters: {}, validationFile: undefined })
    expect(JSON.stringify(bare)).not.toMatch(/headers|tools|max_episode_steps|hyperparameters|validation_file|null/)
  })

  it('nests the schema of answers in json_schema for OpenAI and puts it next to the type for Azure, from either form', () => {
    const schema = { type: 'object', properties: { answer: { type: 'string' } } }
    const named = { name: 'answer', strict: true, schema }
    const ways = [schema, named, { type: 'json_schema', ...named }, { type: 'json_schema', json_schema: named }]
    for (const way of ways) {
      const format = answerFormat.parse(way)
      expect(responseFormat('openai', format)).toEqual({ type: 'json_schema', json_schema: named })
      expect(responseFormat('azure', format)).toEqual({ type: 'json_schema', ...named })
    }
    for (const wrong of [[], { type: 'array' }, { name: 'two words', schema }, 'text']) {
      expect(answerFormat.safeParse(wrong).success).toBe(false)
    }
  })

  it('goes to OpenAI’s address, or to the Azure resource with the api-version that endpoints need', () => {
    const azure = { ...plan, platform: 'azure' } as const
    const own = { ...azure, tools: [], grader: { kind: 'written', grader: { type: 'string_check' } } } as const
    const multi = {
      ...own,
      grader: { kind: 'written', grader: { type: 'multi', graders: { a: { type: 'endpoint' } } } },
    } as const
    const mine = 'https://mine.openai.azure.com'
    expect(jobAddress(plan)).toBe('https://api.openai.com/v1/fine_tuning/jobs')
    expect(jobAddress(azure, mine)).toBe(`${mine}/openai/v1/fine_tuning/jobs?api-version=preview`)
    expect(jobAddress(multi, mine)).toBe(`${mine}/openai/v1/fine_tuning/jobs?api-version=preview`)
    expect(jobAddress(own, mine)).toBe(`${mine}/openai/v1/fine_tuning/jobs`)
    expect(jobAddress(azure, mine, '2030-01-01')).toContain('?api-version=2030-01-01')
  })
})

describe('hyperparameters', () => {
  it.each([
    ['batch_size', [1, 256, 'auto'], [0, 257, 1.5, 'many']],
    ['n_epochs', [1, 50, 'auto'], [0, 51, 2.5]],
    ['compute_multiplier', [0.1, 10, 'auto'], [0, -1, 0.00001, 10.1, 'AUTO']],
    ['learning_rate_multiplier', [0.001, 3, 'auto'], [0, -1]],
    ['eval_interval', [1, 1000, 'auto'], [0, 0.5]],
    ['eval_samples', [1, 1000, 'auto'], [0, 0.5]],
    ['reasoning_effort', ['low', 'medium', 'high'], ['auto', 'most', 1]],
    ['beta', [], [0.1]],
  ])('%s accepts %j and refuses %j', (name, good, bad) => {
    for (const value of good)
      expect([value, hyperparameters.safeParse({ [name]: value }).success]).toEqual([value, true])
    for (const value of bad)
      expect([value, hyperparameters.safeParse({ [name]: value }).success]).toEqual([value, false])
  })
})

describe('secrets of a job', () => {
  it('come from the environment, and are empty without one', () => {
    expect(jobHeaders({}, { SCOREKEEPER_KEY: 'k' })).toEqual({ Authorization: 'Bearer k' })
    expect(jobHeaders({}, {})).toEqual({})
    const written = { 'x-key': `${variable('A')}-${variable('B')}`, 'x-plain': 'plain' }
    expect(jobHeaders(written, { A: '1', B: '2', SCOREKEEPER_KEY: 'k' })).toEqual({
      'x-key': '1-2',
      'x-plain': 'plain',
    })
    expect(() => jobHeaders(written, { A: '1', B: '' })).toThrow('the header x-key needs B, which is not set')
  })

  it('are masked in every headers object, also in graders inside a grader', () => {
    const graders = { a: { type: 'endpoint', headers: { 'x-key': 'secret' } } }
    const shown = masked({ ...jobBody({ ...plan, headers: { Authorization: 'bearer abc', cookie: 'abc' } }), graders })
    expect(JSON.stringify(shown)).not.toMatch(/abc|secret/)
    expect(shown).toMatchObject({ graders: { a: { type: 'endpoint', headers: { 'x-key': '********' } } } })
  })
})

describe('warnings about a job', () => {
  it.each<readonly [string, Partial<JobPlan>, RegExp]>([
    ['an address of this machine', { url: 'https://localhost:8000' }, /cannot reach/],
    ['an address of this network', { url: 'https://172.20.0.1' }, /cannot reach/],
    ['an unencrypted connection', { url: 'http://example.com' }, /not https/],
    ['no key', { headers: {} }, /SCOREKEEPER_KEY/],
    ['fewer steps than calls', { maxEpisodeSteps: 9 }, /budget of 10/],
    ['no validation', { validationFile: undefined }, /validation/],
  ])('mention %s', (_, more, message) => {
    expect(jobWarnings({ ...plan, ...more }, 10)).toEqual([expect.stringMatching(message)])
  })

  it('are absent for a good job', () => expect(jobWarnings(plan, 10)).toEqual([]))
})

describe('the command job', { timeout: 120_000 }, () => {
  const folder = useFolder()
  const needed = ['--url', 'https://example.com/', '--training-file', 'f1', '--validation-file', 'f2']

  it('prints only the body on stdout, with secrets masked, and the address on stderr', async () => {
    const env = { SCOREKEEPER_KEY: 'very-secret' }
    const args = ['job', '--for', 'azure', ...needed, '--batch-size', '8', '--n-epochs', 'auto', '--job-seed', '7']
    const { code, out, err } = await scorekeeper(args, env)
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      ...{ model: 'o4-mini-2025-04-16', training_file: 'f1', validation_file: 'f2', seed: 7 },
      method: {
        reinforcement: {
          grader: { type: 'endpoint', name: 'answer', headers: { Authorization: 'Bearer ********' } },
          tools: [{ name: 'search' }, { name: 'list' }, { name: 'cat' }, { name: 'note' }],
          ...{ max_episode_steps: 10, hyperparameters: { batch_size: 8, n_epochs: 'auto' } },
        },
      },
    })
    expect(err).toMatch(
      /POST https:\/\/YOUR-RESOURCE\.openai\.azure\.com.*api-version=preview\nrun job-[\dT-]{19}\nwarning: .*--show-secrets/,
    )
    expect(out + err).not.toContain('very-secret')
    const shown = await scorekeeper([...args, '--show-secrets', '--json'], env)
    expect(JSON.parse(shown.out)).toMatchObject({ method: 'POST', warnings: [] })
    const { run, body } = JSON.parse(shown.out)
    const { grader, tools } = body.method.reinforcement
    expect(run).toMatch(/^job-\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}$/)
    expect(grader.url).toBe(`https://example.com/runs/${run}/graders/answer`)
    expect(tools[0].server_url).toBe(`https://example.com/runs/${run}/tools/search`)
    expect(shown.out.split('Bearer very-secret').length).toBe(6)
  })

  it('reads a grader and the format of answers from files, and headers from the environment', async () => {
    const grader = join(folder, 'grader.json')
    const form = join(folder, 'form.json')
    writeFileSync(grader, JSON.stringify({ type: 'string_check', name: 'same', operation: 'eq' }))
    writeFileSync(form, JSON.stringify({ type: 'object', properties: {} }))
    const files = ['--grader-file', grader, '--response-format', form, '--tools', 'cat', '--tool-path', '/tools']
    const secret = ['--header', `X-Key: ${variable('FUNCTION_KEY')}`, '--run', 'exp-7', '--show-secrets']
    const { out } = await scorekeeper(['job', '--for', 'openai', ...needed, ...files, ...secret], {
      FUNCTION_KEY: 'fk',
    })
    expect(JSON.parse(out).method.reinforcement).toEqual({
      grader: { type: 'string_check', name: 'same', operation: 'eq' },
      tools: [{ name: 'cat', server_url: 'https://example.com/runs/exp-7/tools', headers: { 'x-key': 'fk' } }],
      max_episode_steps: 10,
      response_format: responseFormat('openai', answerFormat.parse({ type: 'object', properties: {} })),
    })
  })

  it('writes addresses of the run that is named, once', async () => {
    const toolOf = async (...args: readonly string[]) => {
      const { code, out } = await scorekeeper(['job', '--for', 'openai', '--training-file', 'f1', ...args])
      return code === 0 ? JSON.parse(out).method.reinforcement.tools[0].server_url : code
    }
    const inRun = 'https://example.com/runs/exp-7'
    expect(await toolOf('--url', 'https://example.com', '--run', 'exp-7')).toBe(`${inRun}/tools/search`)
    expect(await toolOf('--url', inRun)).toBe(`${inRun}/tools/search`)
    expect(await toolOf('--url', inRun, '--run', 'exp-8')).toBe(2)
    expect(await toolOf('--url', 'https://example.com', '--run', 'exp/7')).toBe(2)
  })

  it.each([
    [
      {
        type: 'label_model',
        name: 'l',
        model: 'm',
        input: [{ role: 'user', content: 'a' }],
        labels: ['a'],
        passing_labels: ['a'],
      },
      'label_model',
    ],
    [{ type: 'text_similarity', name: 't', evaluation_metric: 'cosine', input: 'a', reference: 'a' }, 'cosine'],
    [{ type: 'python', name: 'p', source: 'def score(sample, item): return 1' }, 'a function grade'],
    [
      { type: 'string_check', name: 's', operation: 'eq', input: '{% if item.a %}a{% endif %}', reference: 'a' },
      '{% … %}',
    ],
    [
      { type: 'string_check', name: 's', operation: 'eq', input: '{{answer}}', reference: 'a' },
      '"answer" begins with neither',
    ],
  ])('warns of a grader in a file that the platform will refuse: %j', async (grader, warning) => {
    const file = join(folder, 'refused.json')
    writeFileSync(file, JSON.stringify(grader))
    const { code, out, err } = await scorekeeper(['job', '--for', 'openai', ...needed, '--grader-file', file])
    expect([code, JSON.parse(out).method.reinforcement.grader]).toEqual([0, grader])
    expect(err).toMatch(/warning: grader/)
    expect(err).toContain(warning)
  })

  it.each([
    [['--for', 'openai', ...needed, '--batch-size', '257'], /batch_size: .*at most 256/],
    [
      ['--for', 'openai', ...needed, '--batch-size', 'lots'],
      /batch_size: must be auto or a whole number from 1 to 256/,
    ],
    [['--for', 'openai', ...needed, '--reasoning-effort', 'max'], /reasoning_effort: must be low, medium or high/],
    [['--for', 'mars', ...needed], /Allowed choices are openai, azure/],
    [
      ['--for', 'openai', '--url', 'example.com', '--training-file', 'f'],
      /'--url <url>' argument 'example.com' is invalid. It must be an address/,
    ],
    [['--for', 'openai', ...needed, '--grader', 'kind'], /there is no grader "kind"; the graders are: answer/],
    [['--for', 'openai', ...needed, '--tools', 'fly'], /there is no tool "fly"/],
    [['--for', 'openai', ...needed, '--header', `x: ${variable('NOT_SET')}`], /the header x needs NOT_SET/],
    [['--for', 'openai', ...needed, '--grader-file', 'README.md'], /README\.md cannot be read as JSON/],
    [['--for', 'openai', ...needed, '--submit'], /unknown option '--submit'/],
  ])('%j is wrong usage: exit code 2', async (args, message) => {
    const { code, out, err } = await scorekeeper(['job', ...args])
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(message)
  })
})
