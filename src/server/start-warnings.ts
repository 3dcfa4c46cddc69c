import type { Config } from './config.ts'

/** Something that whoever starts the server should know, with a stable code. */
export interface StartWarning {
  readonly code: string
  readonly message: string
}

/**
 * What is allowed, and still hardly meant: a production server on the embedded database, or with a `.env` file that it
 * does not read.
 */
export function startWarnings(config: Config, hasEnvFile: boolean): StartWarning[] {
  if (!config.isProduction) return []
  const warnings: StartWarning[] = []
  if (config.databaseUrl === undefined) {
    const message =
      `NODE_ENV is production and DATABASE_URL is not set: the rollouts go to an embedded Postgres in DATA_DIR ` +
      `(${config.dataDir}), which other replicas do not share and a new container does not keep; set DATABASE_URL`
    warnings.push({ code: 'embedded_in_production', message })
  }
  if (hasEnvFile) {
    const message =
      'NODE_ENV is production: the .env file here is not read; set its variables in the environment, or unset NODE_ENV'
    warnings.push({ code: 'env_file_ignored', message })
  }
  return warnings
}
