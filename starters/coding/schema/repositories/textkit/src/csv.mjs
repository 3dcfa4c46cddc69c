/** Reads one line of comma-separated values. */
export function parseLine(line) {
  const fields = []
  let field = ''
  let isQuoted = false
  for (let at = 0; at < line.length; at += 1) {
    const char = line[at]
    if (isQuoted && char === '"') {
      isQuoted = false
    } else if (char === '"') {
      isQuoted = true
    } else if (char === ',' && !isQuoted) {
      fields.push(field)
      field = ''
    } else {
      field += char
    }
  }
  return [...fields, field]
}

/** Writes one line of comma-separated values. */
export function formatLine(fields) {
  return fields.map((field) => (/[",]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',')
}
