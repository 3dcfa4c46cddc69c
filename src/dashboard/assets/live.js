// The tail of what arrives. Pausing keeps what is shown, and counts what is not.
const list = document.querySelector('[data-live]')
const button = document.querySelector('[data-pause]')
const state = document.querySelector('[data-live-state]')
const mostLines = 200
let waiting = []
let isPaused = false

function lineOf({ at, run, rollout, href, kind, outcome, text, detail }) {
  const line = document.createElement('li')
  line.className = 'fresh'
  line.dataset.row = ''
  const time = document.createElement('time')
  time.dateTime = new Date(at).toISOString()
  time.textContent = new Date(at).toLocaleTimeString()
  const link = document.createElement('a')
  link.href = href
  link.className = 'id'
  link.textContent = `${run}/${rollout}`
  const tag = document.createElement('span')
  tag.className = `tag ${outcome === 'scored' ? 'ok' : outcome}`
  tag.textContent = kind === 'begin' ? 'began' : outcome
  const said = document.createElement('span')
  said.className = 'clip'
  said.textContent = text ?? ''
  const more = document.createElement('span')
  more.className = 'quiet'
  more.textContent = detail ?? ''
  line.append(time, tag, link, said, more)
  return line
}

function show(lines) {
  list.prepend(...lines.map(lineOf).reverse())
  while (list.children.length > mostLines) list.lastElementChild.remove()
}

const source = new EventSource(list.dataset.live)
source.addEventListener('open', () => {
  state.textContent = 'connected'
})
source.addEventListener('error', () => {
  state.textContent = 'the connection is lost; it is tried again'
})
source.addEventListener('lines', (event) => {
  const lines = JSON.parse(event.data)
  if (!isPaused) return show(lines)
  waiting = [...waiting, ...lines].slice(-mostLines)
  state.textContent = `paused, ${waiting.length} waiting`
})

button.hidden = false
button.addEventListener('click', () => {
  isPaused = !isPaused
  button.textContent = isPaused ? 'continue' : 'pause'
  state.textContent = isPaused ? 'paused' : 'connected'
  if (isPaused) return
  show(waiting)
  waiting = []
})
