/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import type { Child, FC } from 'hono/jsx'
import { stylesheets } from '../assets.ts'
import type { Viewer } from '../session.ts'
import { visible } from './page.ts'

/** The pages in the navigation. */
export type Place = 'runs' | 'live' | 'alarms' | 'sandboxes' | 'health' | 'none'

/** What every page is given. */
export interface FrameProps {
  readonly title: string
  readonly place: Place
  /** Undefined on the page that asks for a key. */
  readonly viewer: Viewer | undefined
  /** Whether the viewer has logged in, so that they can log out. */
  readonly canLeave: boolean
  /** Whether there is a page of sandboxes to go to. */
  readonly hasSandboxes: boolean
  readonly scripts?: readonly string[]
  readonly children?: Child
}

const places = [
  ['runs', 'Runs', '/dashboard'],
  ['live', 'Live', '/dashboard/live'],
  ['alarms', 'Alarms', '/dashboard/alarms'],
  ['sandboxes', 'Sandboxes', '/dashboard/sandboxes'],
  ['health', 'Health', '/dashboard/health'],
] as const

/** The frame of a page: title, navigation, stylesheets and scripts, all of them files of this server. */
export const Frame: FC<FrameProps> = ({ title, place, viewer, canLeave, hasSandboxes, scripts = [], children }) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <title>{`${visible(title)} · Scorekeeper`}</title>
      <link rel="icon" href="data:," />
      {stylesheets.map((name) => (
        <link rel="stylesheet" href={`/dashboard/assets/${name}`} />
      ))}
      {scripts.includes('charts.js') && <link rel="stylesheet" href="/dashboard/assets/uplot.css" />}
      <script src="/dashboard/assets/theme.js" />
      {[...scripts, 'keys.js'].map((name) => (
        <script type="module" src={`/dashboard/assets/${name}`} />
      ))}
    </head>
    <body>
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <header class="top">
        <a class="mark" href="/dashboard">
          Scorekeeper
        </a>
        {viewer && (
          <nav aria-label="Pages">
            {places
              .filter(([name]) => hasSandboxes || name !== 'sandboxes')
              .map(([name, label, href]) => (
                <a href={href} {...(name === place && { 'aria-current': 'page' })}>
                  {label}
                </a>
              ))}
          </nav>
        )}
        <div class="end">
          <span class="narrow-hide">
            filter <kbd>/</kbd> next <kbd>j</kbd> back <kbd>k</kbd>
          </span>
          <button type="button" class="plain" data-theme-button hidden>
            theme
          </button>
          {viewer && <span class="narrow-hide">{viewer.name}</span>}
          {canLeave && (
            <form method="post" action="/dashboard/logout">
              <button type="submit" class="plain">
                log out
              </button>
            </form>
          )}
        </div>
      </header>
      <main id="content">{children}</main>
    </body>
  </html>
)
