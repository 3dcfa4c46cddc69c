/** A command that writes the file `$1` to its standard output, if it is a file of at most `$2` bytes. */
export const readScript: readonly string[] = [
  'sh',
  '-c',
  `
[ -e "$1" ] || { echo "$1 does not exist" >&2; exit 1; }
[ -f "$1" ] || { echo "$1 is not a file" >&2; exit 1; }
[ "$(stat -L -c %s -- "$1")" -le "$2" ] || { echo "$1 has more than $2 bytes" >&2; exit 1; }
exec head -c "$2" -- "$1"
`,
  'read',
]

/** A command that writes its standard input to the file `$1`, and makes the folders above it. */
export const writeScript: readonly string[] = [
  'sh',
  '-c',
  'mkdir -p -- "$(dirname -- "$1")" && exec cat > "$1"',
  'write',
]
