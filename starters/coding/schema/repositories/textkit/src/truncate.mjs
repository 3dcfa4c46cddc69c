/** Shortens a text to at most `length` characters, with an ellipsis at its end if something was cut off. */
export function truncate(text, length) {
  return text.length <= length ? text : `${text.slice(0, length)}…`
}
