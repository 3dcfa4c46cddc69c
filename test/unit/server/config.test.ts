import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { defaultLimits } from '../../../src/base/limits.ts'
import { type Config, ConfigError, loadConfig } from '../../../src/server/config/config.ts'

const example = readFileSync(fileURLToPath(new URL('../../../.env.example', import.meta.url)), 'utf8')
const exampleSettings = [...example.matchAll(/^# ([A-Z0-9_]+)=(.*)$/gm)].map(([, name = '', value = '']) => [
  name,
  value,
])

/** The message of the error that these variables give. */
function problemOf(env: Record<string, string>): string {
  try {
    loadConfig(env)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return error instanceof Error ? error.message : ''
  }
  throw new Error('the settings were accepted')
}

describe('the settings', () => {
  it('have these defaults if no variable is set, or all are empty', () => {
    const defaults = {
      isProduction: false,
      isUnderNpm: false,
      port: 8000,
      host: '127.0.0.1',
      databaseUrl: undefined,
      poolSize: 16,
      prepare: true,
      dataDir: '.data',
      logLevel: 'info',
      limits: defaultLimits,
      drainSeconds: 25,
      drainDelaySeconds: 0,
      burstGapSeconds: 60,
      retentionDays: undefined,
      auth: { keys: [], keyHeaders: ['x-functions-key', 'api-key', 'x-api-key'] },
      embeddings: undefined,
      judge: undefined,
      pythonGraders: false,
      allowedAddresses: '',
      publicUrl: undefined,
      sandboxes: { provider: 'local', maxOpen: 500, maxOpening: 32, waitSeconds: 120, installation: undefined },
      datasets: [],
      dashboard: true,
      wires: undefined,
      wirePorts: [],
      alarmWebhook: undefined,
      metricsPort: undefined,
      accessLog: undefined,
      tracing: false,
    }
    expect(loadConfig({})).toEqual(defaults)
    expect(loadConfig(Object.fromEntries(exampleSettings.map(([name]) => [name, ''])))).toEqual(defaults)
  })

  it('have the defaults that .env.example shows', () => {
    const examples = ['DATABASE_URL', 'EMBEDDINGS_URL', 'EMBEDDINGS_MODEL', 'JUDGE_URL', 'JUDGE_MODEL', 'ALARM_WEBHOOK']
    const shown = exampleSettings.filter(([name = '', value]) => value !== '' && !examples.includes(name))
    expect(shown.length).toBeGreaterThan(10)
    expect(loadConfig(Object.fromEntries(shown))).toEqual(loadConfig({}))
    for (const name of examples) expect(exampleSettings.map(([each]) => each)).toContain(name)
  })

  it('ignore variables of other programs', () => {
    expect(loadConfig({ PATH: '/bin', PORTS: 'x', NODE_ENV: 'test' })).toEqual(loadConfig({}))
  })
})

const good: readonly [string, string, (config: Config) => unknown, unknown][] = [
  ['PORT', '0', ({ port }) => port, 0],
  ['PORT', '65535', ({ port }) => port, 65_535],
  ['HOST', 'localhost', ({ host }) => host, 'localhost'],
  ['DATABASE_URL', 'postgres://u:p@h/d', ({ databaseUrl }) => databaseUrl, 'postgres://u:p@h/d'],
  ['DATABASE_URL', 'postgresql://h:6432/d?x=1', ({ databaseUrl }) => databaseUrl, 'postgresql://h:6432/d?x=1'],
  ['DATABASE_POOL_SIZE', '1', ({ poolSize }) => poolSize, 1],
  ['DATABASE_PREPARE', 'false', ({ prepare }) => prepare, false],
  ['DATA_DIR', '/var/lib/data', ({ dataDir }) => dataDir, '/var/lib/data'],
  ['LOG_LEVEL', 'silent', ({ logLevel }) => logLevel, 'silent'],
  ['MAX_BODY_BYTES', '2048', ({ limits }) => limits.maxBodyBytes, 2048],
  ['MAX_REQUESTS_IN_FLIGHT', '1', ({ limits }) => limits.maxRequestsInFlight, 1],
  ['MAX_BYTES_IN_FLIGHT', '2048', ({ limits }) => limits.maxBytesInFlight, 2048],
  ['MAX_OUTPUT_BYTES', '2048', ({ limits }) => limits.maxOutputBytes, 2048],
  ['TOOL_TIMEOUT_SECONDS', '0.5', ({ limits }) => limits.toolSeconds, 0.5],
  ['GRADER_TIMEOUT_SECONDS', '3600', ({ limits }) => limits.graderSeconds, 3600],
  ['ANSWER_TIMEOUT_SECONDS', '10', ({ limits }) => limits.answerSeconds, 10],
  ['GRADING_WAIT_SECONDS', '10', ({ limits }) => limits.waitSeconds, 10],
  ['LEASE_SECONDS', '10', ({ limits }) => limits.leaseSeconds, 10],
  ['ROLLOUT_IDLE_MINUTES', '0.5', ({ limits }) => limits.idleSeconds, 30],
  ['KEEP_AFTER_GRADING_SECONDS', '0', ({ limits }) => limits.keepSeconds, 0],
  ['DRAIN_SECONDS', '10', ({ drainSeconds }) => drainSeconds, 10],
  ['DRAIN_DELAY_SECONDS', '5', ({ drainDelaySeconds }) => drainDelaySeconds, 5],
  ['BURST_GAP_SECONDS', '5', ({ burstGapSeconds }) => burstGapSeconds, 5],
  ['RETENTION_DAYS', '30', ({ retentionDays }) => retentionDays, 30],
  ['API_KEY_HEADERS', 'X-Key', ({ auth }) => auth.keyHeaders, ['x-key']],
  ['PYTHON_GRADERS', 'true', ({ pythonGraders }) => pythonGraders, true],
  ['PYTHON_CONCURRENCY', '3', ({ pythonConcurrency }) => pythonConcurrency, 3],
  ['SANDBOX_PROVIDER', 'local', ({ sandboxes }) => sandboxes.provider, 'local'],
  ['SANDBOX_PROVIDER', 'container', ({ sandboxes }) => sandboxes.provider, 'container'],
  ['E2B_API_KEY', 'e2b_0123', ({ sandboxes }) => sandboxes.e2b, { apiKey: 'e2b_0123' }],
  ['SANDBOX_SOCKET', '/run/podman.sock', ({ sandboxes }) => sandboxes.socket, '/run/podman.sock'],
  ['SANDBOX_RUNTIME', 'runsc', ({ sandboxes }) => sandboxes.runtime, 'runsc'],
  ['SANDBOX_MAX_OPEN', '64', ({ sandboxes }) => sandboxes.maxOpen, 64],
  ['SANDBOX_MAX_OPENING', '8', ({ sandboxes }) => sandboxes.maxOpening, 8],
  ['SANDBOX_WAIT_SECONDS', '30', ({ sandboxes }) => sandboxes.waitSeconds, 30],
  ['SANDBOX_INSTALLATION', 'staging-2', ({ sandboxes }) => sandboxes.installation, 'staging-2'],
  ['ALLOWED_ADDRESSES', 'https://a.test', ({ allowedAddresses }) => allowedAddresses, 'https://a.test'],
  ['PUBLIC_URL', 'https://graders.example.com', ({ publicUrl }) => publicUrl, 'https://graders.example.com'],
  [
    'DATASETS',
    'train:data/train.jsonl, test: /data/test:1.jsonl.gz',
    ({ datasets }) => datasets,
    [
      { split: 'train', path: 'data/train.jsonl' },
      { split: 'test', path: '/data/test:1.jsonl.gz' },
    ],
  ],
  ['WIRES', 'nemo-gym, ors,', ({ wires }) => wires, ['nemo-gym', 'ors']],
  [
    'WIRE_PORTS',
    'ors:8002',
    ({ wirePorts }) => wirePorts,
    [{ wire: 'ors', host: undefined, port: 8002, run: undefined }],
  ],
  [
    'WIRE_PORTS',
    'nemo-gym:10.0.0.5:8001/exp-7, ors:[::1]:0, slime:localhost:65535/a',
    ({ wirePorts }) => wirePorts,
    [
      { wire: 'nemo-gym', host: '10.0.0.5', port: 8001, run: 'exp-7' },
      { wire: 'ors', host: '::1', port: 0, run: undefined },
      { wire: 'slime', host: 'localhost', port: 65_535, run: 'a' },
    ],
  ],
]

const bad: readonly [string, readonly string[], string][] = [
  ['PORT', ['http', '-1', '65536', '80.5', '0x50', ' 80', '1e3'], 'a whole number from 0 to 65535'],
  ['DATABASE_POOL_SIZE', ['0', '1001', 'many'], 'a whole number from 1 to 1000'],
  ['DATABASE_PREPARE', ['yes', '0', 'TRUE'], 'true or false'],
  ['LOG_LEVEL', ['verbose', 'INFO'], 'one of debug, info, warn, error, silent'],
  ['MAX_BODY_BYTES', ['1023', '1MB'], 'a whole number from 1024 to 1073741824'],
  ['MAX_REQUESTS_IN_FLIGHT', ['0', 'many'], 'a whole number from 1 to 1000000'],
  ['MAX_BYTES_IN_FLIGHT', ['1023', '1GB'], 'a whole number from 1024 to 1099511627776'],
  ['MAX_OUTPUT_BYTES', ['0', '1e6'], 'a whole number from 1024 to 1073741824'],
  ['ROLLOUT_IDLE_MINUTES', ['0', '-1', '1h', '525601'], 'a number of minutes, more than 0 and at most 525600'],
  ['KEEP_AFTER_GRADING_SECONDS', ['-1', '0.5', 'never'], 'a whole number from 0 to 31536000'],
  ['TOOL_TIMEOUT_SECONDS', ['0', '-1', '3601', '60s', 'NaN', 'Infinity', ' '], 'more than 0 and at most 3600'],
  ['GRADER_TIMEOUT_SECONDS', ['0', 'x'], 'more than 0 and at most 3600'],
  ['ANSWER_TIMEOUT_SECONDS', ['0', 'x'], 'more than 0 and at most 3600'],
  ['GRADING_WAIT_SECONDS', ['0', 'x'], 'more than 0 and at most 3600'],
  ['LEASE_SECONDS', ['0', 'x'], 'more than 0 and at most 3600'],
  ['DRAIN_SECONDS', ['0', 'x'], 'more than 0 and at most 3600'],
  ['DRAIN_DELAY_SECONDS', ['-1', 'x'], 'a whole number from 0 to 3600'],
  ['RETENTION_DAYS', ['0', '1.5', '36501', 'never'], 'a whole number from 1 to 36500'],
  ['SANDBOX_PROVIDER', ['docker', 'LOCAL'], 'must be one of local, container, e2b'],
  ['E2B_DOMAIN', ['localhost', 'https://e2b.app', 'E2B.app'], 'a domain, such as e2b.app'],
  ['E2B_USER', ['Agent', '0', 'a b', ''.padEnd(33, 'a')], 'the name of a user'],
  ['E2B_USER', ['root'], 'another user than root'],
  ['SANDBOX_MAX_OPEN', ['0', '1e3'], 'a whole number from 1 to 1000000'],
  ['SANDBOX_MAX_OPENING', ['0', '100001'], 'a whole number from 1 to 100000'],
  ['SANDBOX_WAIT_SECONDS', ['0', 'x'], 'more than 0 and at most 3600'],
  ['SANDBOX_INSTALLATION', ['Prod', 'a b', 'x'.repeat(41)], 'at most 40 small letters, digits and -'],
  ['JUDGE_CONCURRENCY', ['0', '10001', 'many'], 'a whole number from 1 to 10000'],
  ['JUDGE_TIMEOUT_SECONDS', ['0', '591', 'x'], 'more than 0 and at most 590'],
  ['JUDGE_MODELS', ['gpt-4o', '=b', 'a=', 'a=b=c', 'a=b,a=c', 'a=b c'], 'pairs of models separated by commas'],
  ['PYTHON_GRADERS', ['yes', '1'], 'true or false'],
  ['PYTHON_CONCURRENCY', ['0', '1001', 'all'], 'a whole number from 1 to 1000'],
  ['DATASETS', ['data.jsonl', 'train:', ':a', 'a b:c', 'a:b,a:c'], 'pairs of a split and a file separated by commas'],
  [
    'WIRE_PORTS',
    ['ors', '8002', 'ors:http', 'ors:65536', 'ors:8002:10.0.0.5', 'ors::8002', 'ors:::1:8002'],
    'WIRE:PORT',
  ],
  ['WIRE_PORTS', ['ors:8002/', 'ors:8002/a/b', 'ors:8002/a%20b', `ors:8002/${'x'.repeat(101)}`], 'WIRE:PORT'],
  ['WIRE_PORTS', ['ors:example.com:8002', 'ors:10.0.0:8002', 'ors:[10.0.0.5]x:8002'], 'WIRE:PORT'],
]

describe('a variable', () => {
  it.each(good)('%s may be %s', (name, value, read, expected) => {
    expect(read(loadConfig({ [name]: value }))).toEqual(expected)
  })

  it.each(bad)('%s is refused with a message that names it, what it was and what it must be', (name, values, must) => {
    for (const value of values) {
      const problem = problemOf({ [name]: value })
      expect(problem.startsWith(`${name} was "${value}"; it must be `)).toBe(true)
      expect(problem).toContain(must)
    }
  })

  it.each([
    ['DATABASE_URL', 'mysql://u:hunter2@h/d', 'must be an address that begins with postgres:// or postgresql://'],
    ['DATABASE_URL', 'hunter2', 'must be an address'],
    ['DATABASE_URL', 'postgres://u:1/hunter2@h/d', '"#" in its password percent-encoded'],
    ['DATABASE_URL', 'postgres://u:1#hunter2@h/d', '"#" in its password percent-encoded'],
    ['DATABASE_URL', 'postgres://u:1?hunter2@h/d', '"#" in its password percent-encoded'],
    ['JUDGE_URL', 'ftp://u:hunter2@h', 'must be an address that begins with http:// or https://'],
    ['PUBLIC_URL', 'ftp://u:hunter2@h', 'must be an address that begins with http:// or https://'],
    ['EMBEDDINGS_URL', 'ftp://u:hunter2@h', 'must be an address that begins with http:// or https://'],
    ['E2B_API_URL', 'ftp://u:hunter2@h', 'must be an address that begins with http:// or https://'],
    ['E2B_SANDBOX_URL', 'ftp://u:hunter2@h', 'must be an address that begins with http:// or https://'],
    ['API_KEYS', 'hunter2', 'at least 16 characters'],
    ['API_KEYS', 'unknown=hunter2hunter2hunter2', 'not a list of scopes'],
    ['JWT_SECRET', 'hunter2', 'at least 32 bytes'],
    ['JWT_JWKS_URL', 'https://u:hunter2@h/keys', 'must be an https address'],
  ])('%s with a secret in it is not repeated when it is refused', (name, value, must) => {
    const problem = problemOf({ [name]: value })
    expect(problem).toContain(name)
    expect(problem).toContain(must)
    expect(problem).not.toContain('hunter2')
  })

  it('is reported together with all other invalid ones, one line each', () => {
    const problem = problemOf({ PORT: 'x', LOG_LEVEL: 'loud', JWT_SECRET: 'short', RETENTION_DAYS: '0' })
    expect(problem.split('\n').map((line) => line.split(/[ :]/)[0])).toEqual([
      'PORT',
      'LOG_LEVEL',
      'RETENTION_DAYS',
      'JWT_SECRET',
    ])
  })
})

describe('an embeddings endpoint', () => {
  const url = 'http://localhost:11434/v1'

  it('has an address and a model, and optionally a key', () => {
    const { embeddings } = loadConfig({ EMBEDDINGS_URL: url, EMBEDDINGS_MODEL: 'm' })
    expect(embeddings).toEqual({ url, model: 'm', apiKey: undefined })
    const keyed = loadConfig({ EMBEDDINGS_URL: url, EMBEDDINGS_MODEL: 'm', EMBEDDINGS_API_KEY: 'k' })
    expect(keyed.embeddings?.apiKey).toBe('k')
  })

  it('is refused with one of the two alone', () => {
    expect(problemOf({ EMBEDDINGS_URL: url })).toMatch(/^EMBEDDINGS_MODEL is not set; it must be set together with/)
    expect(problemOf({ EMBEDDINGS_MODEL: 'm' })).toMatch(/^EMBEDDINGS_MODEL was "m"; it must be set together with/)
  })
})

describe('a judge', () => {
  const url = 'http://localhost:11434/v1'

  it('has an address and a model; the rest has defaults', () => {
    expect(loadConfig({ JUDGE_URL: url, JUDGE_MODEL: 'm' }).judge).toEqual({
      url,
      model: 'm',
      apiKey: undefined,
      models: new Map(),
      concurrency: 16,
      timeoutSeconds: 240,
    })
  })

  it('may have a key, replacements for models, a limit and a timeout', () => {
    const more = {
      JUDGE_API_KEY: 'k',
      JUDGE_MODELS: 'a=b, c = d,',
      JUDGE_CONCURRENCY: '3',
      JUDGE_TIMEOUT_SECONDS: '9.5',
    }
    expect(loadConfig({ JUDGE_URL: url, JUDGE_MODEL: 'm', ...more }).judge).toMatchObject({
      apiKey: 'k',
      models: new Map([
        ['a', 'b'],
        ['c', 'd'],
      ]),
      concurrency: 3,
      timeoutSeconds: 9.5,
    })
  })

  it('is refused with an address or a model alone', () => {
    expect(problemOf({ JUDGE_URL: url })).toMatch(/^JUDGE_MODEL is not set; it must be set together with JUDGE_URL/)
    expect(problemOf({ JUDGE_MODEL: 'm' })).toMatch(/^JUDGE_MODEL was "m"; it must be set together with JUDGE_URL/)
  })
})

describe('sandboxes at E2B', () => {
  it('need a key; the rest has defaults', () => {
    expect(problemOf({ SANDBOX_PROVIDER: 'e2b' })).toBe(
      'E2B_API_KEY is not set; it must be set with SANDBOX_PROVIDER=e2b',
    )
    const { sandboxes } = loadConfig({ SANDBOX_PROVIDER: 'e2b', E2B_API_KEY: 'e2b_0123' })
    expect(sandboxes).toMatchObject({ provider: 'e2b', e2b: { apiKey: 'e2b_0123' } })
  })

  it('may be at another domain, at addresses of their own, and run commands as another user', () => {
    const more = {
      E2B_DOMAIN: 'sandboxes.example.com',
      E2B_API_URL: 'http://10.0.0.5:3000',
      E2B_SANDBOX_URL: 'http://10.0.0.5:3002',
      E2B_USER: 'agent',
    }
    expect(loadConfig({ E2B_API_KEY: 'k', ...more }).sandboxes.e2b).toEqual({
      apiKey: 'k',
      domain: 'sandboxes.example.com',
      apiUrl: 'http://10.0.0.5:3000',
      sandboxUrl: 'http://10.0.0.5:3002',
      user: 'agent',
    })
  })
})

describe('a server without a key', () => {
  const key = 'a-key-of-sixteen-characters'

  it.each(['127.0.0.1', '127.8.9.1', '::1', 'localhost'])('may listen on %s', (HOST) => {
    expect(loadConfig({ HOST }).host).toBe(HOST)
  })

  it.each(['0.0.0.0', '::', '192.168.1.5', 'example.com', '127.0.0.1.example.com', 'localhost.example.com'])(
    'is refused on %s with advice on what to set; with a key it is accepted',
    (HOST) => {
      const problem = problemOf({ HOST })
      expect(problem).toContain(`HOST was "${HOST}"`)
      expect(problem).toContain('set API_KEYS, JWT_SECRET or JWT_JWKS_URL, or HOST=127.0.0.1')
      expect(loadConfig({ HOST, API_KEYS: key }).host).toBe(HOST)
      expect(loadConfig({ HOST, JWT_SECRET: key.repeat(2) }).host).toBe(HOST)
    },
  )
})
