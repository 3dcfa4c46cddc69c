import { cancelOrder } from './cancel-order.ts'
import { exchangeItems } from './exchange-items.ts'
import { findUser } from './find-user.ts'
import { getOrder } from './get-order.ts'
import { getProduct } from './get-product.ts'
import { sendMail } from './send-mail.ts'
import { think } from './think.ts'

/** YOURS: the tools that the server offers. A new one is a file beside this one and a name in this list. */
export const tools = [findUser, getOrder, getProduct, cancelOrder, exchangeItems, sendMail, think]
