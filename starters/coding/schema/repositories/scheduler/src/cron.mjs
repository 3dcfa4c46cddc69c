/** Whether a field such as `5`, `*` or `1,15` has a value. */
export function matches(field, value) {
  return field === '*' || field.split(',').some((part) => Number(part) === value)
}
