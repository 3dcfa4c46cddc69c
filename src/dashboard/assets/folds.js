// What is folded is fetched when it is opened; it is shown as text, whatever it contains.
for (const fold of document.querySelectorAll('details[data-from]')) {
  fold.addEventListener(
    'toggle',
    async () => {
      const into = fold.querySelector('[data-into]')
      const response = await fetch(fold.dataset.from)
      into.textContent = response.ok ? await response.text() : `It cannot be read (${response.status}).`
    },
    { once: true },
  )
}

for (const button of document.querySelectorAll('[data-copy]')) {
  button.hidden = false
  button.addEventListener('click', async () => {
    const response = await fetch(button.dataset.copy)
    await navigator.clipboard.writeText(await response.text())
    button.textContent = 'copied'
    setTimeout(() => {
      button.textContent = 'copy as JSON'
    }, 2_000)
  })
}
