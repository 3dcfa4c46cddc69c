/** A variant of a product, as it can be ordered. */
export interface Variant {
  readonly id: string
  readonly product: string
  readonly option: string
  readonly cents: number
  readonly inStock: boolean
}

/** What every rollout begins with, and what is the same for all: the products. */
export const products: Readonly<Record<string, string>> = {
  P1: 'desk lamp',
  P2: 'wool rug',
  P3: 'oak shelf',
  P4: 'kettle',
  P5: 'office chair',
  P6: 'linen curtain',
}

const variant = (id: string, product: string, option: string, cents: number, inStock = true): Variant => {
  return { id, product, option, cents, inStock }
}

/** The variants by their ids. */
export const variants: ReadonlyMap<string, Variant> = new Map(
  [
    variant('P1-black', 'P1', 'black', 3450),
    variant('P1-brass', 'P1', 'brass', 4450),
    variant('P1-white', 'P1', 'white', 3450, false),
    variant('P2-small', 'P2', '80 x 150 cm', 8900),
    variant('P2-medium', 'P2', '120 x 180 cm', 11900),
    variant('P2-large', 'P2', '160 x 230 cm', 17900, false),
    variant('P3-60', 'P3', '60 cm', 6425),
    variant('P3-90', 'P3', '90 cm', 8125),
    variant('P3-120', 'P3', '120 cm', 9825),
    variant('P4-steel', 'P4', 'steel', 2890),
    variant('P4-copper', 'P4', 'copper', 4290),
    variant('P4-green', 'P4', 'green enamel', 3590, false),
    variant('P5-grey', 'P5', 'grey fabric', 15900),
    variant('P5-blue', 'P5', 'blue fabric', 15900),
    variant('P5-leather', 'P5', 'black leather', 21900),
    variant('P6-natural', 'P6', 'natural', 4200),
    variant('P6-grey', 'P6', 'grey', 4200),
    variant('P6-blackout', 'P6', 'blackout lining', 5600),
  ].map((one) => [one.id, one]),
)

/** The customers at the start of a rollout. */
export const startingUsers = [
  { id: 'anna_berg', name: 'Anna Berg', email: 'anna.berg@example.com', zip: '20095' },
  { id: 'omar_haddad', name: 'Omar Haddad', email: 'omar.h@example.com', zip: '10115' },
  { id: 'lucia_moretti', name: 'Lucia Moretti', email: 'lucia.m@example.org', zip: '80331' },
  { id: 'piet_visser', name: 'Piet Visser', email: 'piet@example.net', zip: '50667' },
  { id: 'mei_tanaka', name: 'Mei Tanaka', email: 'mei.tanaka@example.com', zip: '60311' },
  { id: 'joan_clarke', name: 'Joan Clarke', email: 'joan.clarke@example.org', zip: '70173' },
  { id: 'david_okoro', name: 'David Okoro', email: 'd.okoro@example.net', zip: '04109' },
  { id: 'sofia_lind', name: 'Sofia Lind', email: 'sofia.lind@example.com', zip: '01067' },
] as const

type StartingStatus = 'pending' | 'shipped' | 'delivered'

const order = (id: string, userId: string, status: StartingStatus, ...variantIds: readonly string[]) => {
  return { id, userId, status, variantIds }
}

/** The orders at the start of a rollout, three of each customer. */
export const startingOrders = [
  order('W1001', 'anna_berg', 'pending', 'P1-black'),
  order('W1002', 'anna_berg', 'delivered', 'P2-small', 'P4-steel'),
  order('W1003', 'anna_berg', 'shipped', 'P5-grey'),
  order('W1004', 'omar_haddad', 'pending', 'P3-60', 'P3-90'),
  order('W1005', 'omar_haddad', 'delivered', 'P5-grey'),
  order('W1006', 'omar_haddad', 'shipped', 'P1-brass'),
  order('W1007', 'lucia_moretti', 'pending', 'P6-natural', 'P6-natural'),
  order('W1008', 'lucia_moretti', 'delivered', 'P1-brass'),
  order('W1009', 'lucia_moretti', 'shipped', 'P4-copper'),
  order('W1010', 'piet_visser', 'pending', 'P5-leather'),
  order('W1011', 'piet_visser', 'delivered', 'P3-90'),
  order('W1012', 'piet_visser', 'shipped', 'P2-medium'),
  order('W1013', 'mei_tanaka', 'pending', 'P4-steel', 'P1-black'),
  order('W1014', 'mei_tanaka', 'delivered', 'P6-grey', 'P6-blackout'),
  order('W1015', 'mei_tanaka', 'shipped', 'P3-120'),
  order('W1016', 'joan_clarke', 'pending', 'P2-medium'),
  order('W1017', 'joan_clarke', 'delivered', 'P4-copper'),
  order('W1018', 'joan_clarke', 'shipped', 'P6-natural'),
  order('W1019', 'david_okoro', 'pending', 'P3-120'),
  order('W1020', 'david_okoro', 'delivered', 'P2-medium', 'P1-black'),
  order('W1021', 'david_okoro', 'shipped', 'P5-blue'),
  order('W1022', 'sofia_lind', 'pending', 'P6-blackout', 'P1-brass'),
  order('W1023', 'sofia_lind', 'delivered', 'P3-60'),
  order('W1024', 'sofia_lind', 'shipped', 'P4-steel'),
] as const

/** An amount as the shop writes it. */
export const money = (cents: number): string => (cents / 100).toFixed(2)

/** What some variants cost together, in cents; unknown ones count nothing. */
export function totalOf(variantIds: readonly string[]): number {
  return variantIds.reduce((sum, id) => sum + (variants.get(id)?.cents ?? 0), 0)
}
