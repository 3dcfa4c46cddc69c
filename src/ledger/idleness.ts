import { sql } from 'drizzle-orm'

/**
 * Has Postgres end the transaction, and so give its locks back, when nothing is asked of it for five seconds: its process
 * is frozen or cut off, for all that is left to do takes milliseconds.
 */
export const boundIdleness = sql`select set_config('idle_in_transaction_session_timeout', '5000', true)`
