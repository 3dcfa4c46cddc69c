// j and k move through the rows of a list, Enter opens one, / goes to the search field.
const rows = () => [...document.querySelectorAll('[data-row]')]
let at = -1

function select(next) {
  const all = rows()
  if (all.length === 0) return
  at = Math.max(0, Math.min(all.length - 1, next))
  for (const [index, row] of all.entries()) {
    if (index === at) row.setAttribute('aria-selected', 'true')
    else row.removeAttribute('aria-selected')
  }
  all[at].scrollIntoView({ block: 'nearest' })
}

addEventListener('keydown', (event) => {
  const { target, key } = event
  if (event.ctrlKey || event.metaKey || event.altKey) return
  if (target instanceof HTMLElement && target.matches('input, select, textarea')) {
    if (key === 'Escape') target.blur()
    return
  }
  if (key === 'j') select(at + 1)
  else if (key === 'k') select(at - 1)
  else if (key === 'Enter' && at >= 0 && target === document.body) rows()[at].querySelector('a')?.click()
  else if (key === '/') {
    const field = document.querySelector('[data-search]')
    if (field === null) return
    event.preventDefault()
    field.focus()
  }
})
