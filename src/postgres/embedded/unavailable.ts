/**
 * There is no embedded database to be had here. Its `message` says why, and that `DATABASE_URL` is the way out; its
 * `code` is always `embedded_unavailable`.
 */
export class EmbeddedUnavailable extends Error {
  readonly code = 'embedded_unavailable'

  constructor(why: string) {
    super(`${why}\nSet DATABASE_URL to a PostgreSQL server (14 to 18) instead of the embedded one.`)
    this.name = 'EmbeddedUnavailable'
  }
}
