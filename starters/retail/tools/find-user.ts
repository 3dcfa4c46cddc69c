import { and, asc, eq, sql } from 'drizzle-orm'
import { z } from 'zod'
import { ToolError } from '../../../src/kit/errors.ts'
import { defineTool } from '../schema/environment.ts'
import { orders, users } from '../schema/shop.ts'

/** Finds a customer by mail address, or by name and zip code: this is how a letter's sender is verified. */
export const findUser = defineTool({
  name: 'find_user',
  description:
    'Find a customer by email, or by name and zip code. Returns the user id, the email and the order numbers.',
  input: z.object({
    email: z.string().max(200).optional().describe('The email address in the letter'),
    name: z.string().max(200).optional().describe('First and last name; needs the zip code too'),
    zip: z.string().max(20).optional(),
  }),
  effects: 'none',
  async run({ input, db }) {
    const { email, name, zip } = input
    if (email === undefined && (name === undefined || zip === undefined)) {
      throw new ToolError('give the email, or both the name and the zip code')
    }
    const isSame = (column: typeof users.email | typeof users.name, text: string) =>
      eq(sql`lower(${column})`, text.trim().toLowerCase())
    const [user] = await db
      .select()
      .from(users)
      .where(
        and(
          email === undefined ? undefined : isSame(users.email, email),
          name === undefined ? undefined : isSame(users.name, name),
          zip === undefined ? undefined : eq(users.zip, zip.trim()),
        ),
      )
    if (user === undefined) throw new ToolError('no customer matches; check the spelling, or try the name and zip code')
    const found = await db
      .select({ id: orders.id })
      .from(orders)
      .where(eq(orders.userId, user.id))
      .orderBy(asc(orders.id))
    return { user_id: user.id, name: user.name, email: user.email, orders: found.map(({ id }) => id) }
  },
})
