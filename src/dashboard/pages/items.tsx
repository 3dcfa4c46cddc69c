/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import type { FC } from 'hono/jsx'
import type { ItemOrder, ItemSums } from '../../ledger/rollups/read.ts'
import { visible } from '../components/page.ts'
import { countText, numberText } from '../components/text.tsx'
import { questionIn } from '../rollout-view.ts'

/** The items of a run in a table. */
export const ItemTable: FC<{ readonly run: string; readonly items: readonly ItemSums[] }> = ({ run, items }) =>
  items.length === 0 ? (
    <p class="under">The rollouts of this run have no items.</p>
  ) : (
    <div class="panel scroll" tabindex={0}>
      <table class="cards">
        <thead>
          <tr>
            <th>item</th>
            <th>question</th>
            <th class="n">visits</th>
            <th class="n">attempts</th>
            <th class="n">mean</th>
            <th class="n">spread</th>
            <th class="n">max</th>
          </tr>
        </thead>
        <tbody>
          {items.map((item) => (
            <tr data-row>
              <td class="head">
                <a class="id" href={`/dashboard/runs/${run}/rollouts?item=${item.item_hash}`}>
                  {item.item_hash.slice(0, 12)}
                </a>
              </td>
              <td class="clip line">{visible(questionIn(item.content)).slice(0, 300)}</td>
              <td class="n" data-label="visits">
                {countText(item.visits)}
              </td>
              <td class="n" data-label="attempts">
                {countText(item.attempts)}
              </td>
              <td class="n lead figure" data-label="mean">
                {numberText(item.mean)}
              </td>
              <td class="n" data-label="spread">
                {numberText(item.deviation)}
              </td>
              <td class="n" data-label="max">
                {numberText(item.most)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )

const orders: readonly (readonly [ItemOrder, string])[] = [
  ['spread', 'most spread'],
  ['worst', 'lowest mean'],
  ['best', 'highest mean'],
  ['attempts', 'most attempts'],
]

/** The items of a run, page by page. */
export const Items: FC<{
  readonly run: string
  readonly items: readonly ItemSums[]
  readonly order: ItemOrder
  readonly more: string | undefined
}> = ({ run, items, order, more }) => (
  <>
    <p class="under crumbs">
      <a href="/dashboard">Runs</a> / <a href={`/dashboard/runs/${run}`}>{run}</a>
    </p>
    <h1>Items</h1>
    <div class="axes">
      {orders.map(([name, label]) => (
        <a href={`/dashboard/runs/${run}/items?sort=${name}`} {...(name === order && { 'aria-current': 'true' })}>
          {label}
        </a>
      ))}
    </div>
    <ItemTable run={run} items={items} />
    {more !== undefined && (
      <p class="pages">
        <a href={more}>more items</a>
      </p>
    )}
  </>
)
