// Before the page is drawn, so that it does not flash in the other theme.
const chosen = localStorage.getItem('scorekeeper-theme')
if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen

addEventListener('DOMContentLoaded', () => {
  const button = document.querySelector('[data-theme-button]')
  const isDark = () => {
    const { theme } = document.documentElement.dataset
    return theme === undefined ? matchMedia('(prefers-color-scheme: dark)').matches : theme === 'dark'
  }
  const label = () => {
    button.textContent = isDark() ? 'light' : 'dark'
  }
  if (button === null) return
  button.hidden = false
  label()
  button.addEventListener('click', () => {
    const theme = isDark() ? 'light' : 'dark'
    document.documentElement.dataset.theme = theme
    localStorage.setItem('scorekeeper-theme', theme)
    label()
    dispatchEvent(new Event('scorekeeper-theme'))
  })
  // Times are sent in UTC, and shown as the reader's own on hover.
  for (const time of document.querySelectorAll('time[datetime]')) {
    time.title = `${new Date(time.dateTime).toLocaleString()} · ${time.dateTime}`
  }
})
