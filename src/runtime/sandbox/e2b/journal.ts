import type { CommandResult } from 'e2b'
import { enterFolder, folderArguments, signalOf } from '../commands.ts'
import { type ExecRequest, type ExecResult, SandboxError } from '../provider.ts'
import type { Limits } from './labels.ts'

/** How the service's shell ended, which runs a command line. */
export type ShellEnd = Pick<CommandResult, 'exitCode' | 'stdout' | 'stderr'>

/** How a command ended, with its outputs as bytes. */
export interface Ended extends Omit<ExecResult, 'stdout' | 'stderr'> {
  readonly stdout: Uint8Array
  readonly stderr: Uint8Array
}

/** What {@link commandLine} needs besides the command. */
export interface Setting {
  readonly limits: Limits
  /** The user that the command runs as. */
  readonly user: string
  /** The uploaded standard input; see {@link inputPath}. */
  readonly input: string | undefined
  /** Whether the result is kept for its key. */
  readonly keeps: boolean
}

/** A folder that belongs to root: the agent cannot enter it. */
const journal = '/var/lib/scorekeeper'
/** The exit codes of the script for what the template lacks, and for what may work the next time. */
const lacking = 64
const unfinished = 75
/** What the service's shell exits with if it cannot run the script at all. */
const notRun: ReadonlySet<number> = new Set([126, 127])
/** The kernel passes arguments of up to 128 kB, and the shell gets the whole command line as one. */
const mostBytes = 128_000
/** Precedes the line that says how the command ended; what the shell's own start prints comes before it. */
const mark = 'scorekeeper '

/**
 * Runs a command once for its key, and prints how it ended in a line, and then what it printed, as base64.
 *
 * It runs as root, and the command as the agent's user without a way back (`no-new-privs`: sudo does not work), so that the
 * agent reaches neither the journal nor this script. It runs on when its caller leaves. A lock for each key makes other callers
 * wait for its end; a command that began and has no result when the lock is free has lost it.
 */
const script = `
umask 077
own=${journal} key=$1 user=$2 seconds=$3 most=$4 pids=$5 disk=$6 input=$7 keeps=$8
shift 8
fail() { echo "$2" >&2; exit "$1"; }
for each in base64 cat env flock head mkfifo prlimit setpriv stat timeout; do
  command -v "$each" > /dev/null || fail ${lacking} "the template has no $each"
done
while IFS=: read -r name _ uid gid _ home _; do [ "$name" = "$user" ] && break; done < /etc/passwd
[ "$name" = "$user" ] || fail ${lacking} "the template has no user $user"
[ "$uid" != 0 ] || fail ${lacking} "commands cannot run as $user, which is root"
[ "$PWD" != "$HOME" ] || cd "$home"
mkdir -p "$own" && chmod 700 "$own" || fail ${unfinished} "the journal cannot be written"
here=$own/$key
now() { read -r up _ < /proc/uptime; echo $((\${up%.*} * 100 + 1\${up#*.} - 100)); }
keep() {
  { prlimit --fsize="$most" cat > "$here.$2" || { : > "$here.cut"; cat > /dev/null; }; : > "$here.$2.end"
  } < "$here.$1" > /dev/null 2>&1 9>&- &
}
exec 9>> "$here.lock"
flock 9
if [ ! -e "$here.result" ]; then
  [ ! -e "$here.begun" ] || { rm -rf "$own/input/$key"; echo "${mark}lost"; exit 0; }
  [ -n "$input" ] || input=/dev/null
  # A command may open its input by name.
  [ "$input" = /dev/null ] || chown "$uid" "$input" || fail ${unfinished} "the input is missing"
  rm -f "$here.1" "$here.2"
  mkfifo "$here.1" "$here.2" && chown "$uid" "$here.1" "$here.2" && : > "$here.begun" ||
    fail ${unfinished} "the journal cannot be written"
  keep 1 out
  keep 2 err
  start=$(now)
  # The shell reports on its own standard error that a signal killed a command.
  {
    (exec timeout -s KILL "$seconds" prlimit --nproc="$pids" --fsize="$disk" --core=0 \\
      setpriv --reuid="$uid" --regid="$gid" --init-groups --no-new-privs --inh-caps=-all --bounding-set=-all \\
      env HOME="$home" USER="$user" LOGNAME="$user" "$@" < "$input" > "$here.1" 2> "$here.2" 9>&-)
    code=$?
  } 2> /dev/null
  took=$(($(now) - start))
  tries=0
  while [ ! -e "$here.out.end" ] || [ ! -e "$here.err.end" ]; do
    [ "$tries" -lt 100 ] || break
    tries=$((tries + 1))
    sleep 0.01
  done
  [ -e "$here.cut" ] && cut=1 || cut=0
  echo "$code $took $cut $(stat -c %s "$here.out") $(stat -c %s "$here.err")" > "$here.draft" &&
    mv "$here.draft" "$here.result" || fail ${unfinished} "the journal cannot be written"
  rm -f "$here.1" "$here.2" "$here.out.end" "$here.err.end"
fi
rm -rf "$own/input/$key"
read -r code took cut out err < "$here.result"
echo "${mark}$code $took $cut"
head -c "$out" "$here.out" | base64
echo .
head -c "$err" "$here.err" | base64
[ "$keeps" = 1 ] || rm -f "$here".*
`

/** Runs in the agent's environment: enters the folder, if there is one, and becomes the command. */
const enterScript = `umask 022; ${enterFolder}; shift 2; exec "$@"`

/** Undoes what the service's login shell has set: the command gets the variables of the template. */
const restore = `mapfile -d '' -t given < /proc/$$/environ; exec env -i "\${given[@]}"`

/** Where the standard input of a command is uploaded to; the script removes it. */
export function inputPath(key: string, name: string): string {
  return `${journal}/input/${key}/${name}`
}

/**
 * The command line for the service's shell that runs a command once for its key, as root.
 *
 * @throws SandboxError `refused` if it is too long, or has a U+0000.
 */
export function commandLine(
  { key, argv, cwd, env = {}, timeoutSeconds, maxOutputBytes }: ExecRequest,
  { limits: { pids, diskMb }, user, input = '', keeps }: Setting,
): string {
  const numbers = [timeoutSeconds, maxOutputBytes, pids, diskMb * 1024 ** 2].map(String)
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const command = [...variables, '/bin/sh', '-c', enterScript, 'sh', ...folderArguments(cwd), ...argv]
  const words = ['/bin/sh', '-c', script, 'scorekeeper', key, user, ...numbers, input, keeps ? '1' : '0', ...command]
  const line = `${restore} ${words.map(quoted).join(' ')}`
  if (line.includes('\0')) throw new SandboxError('refused', 'a command cannot contain U+0000')
  if (Buffer.byteLength(line) > mostBytes) {
    throw new SandboxError('refused', 'the command is too long; pass what is long as input, or write it to a file')
  }
  return line
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}

/**
 * How the command ended that {@link commandLine} ran.
 *
 * @throws SandboxError `exec_ambiguous` if its end was lost; `refused` if the template lacks something; `unavailable` if the
 * script did not come to its end.
 */
export function endOf({ exitCode, stdout, stderr }: ShellEnd, { key, timeoutSeconds }: ExecRequest): Ended {
  const [line = '', ...lines] = stdout.slice(stdout.lastIndexOf(mark) + mark.length).split('\n')
  if (exitCode === 0 && line === 'lost') {
    throw new SandboxError('exec_ambiguous', `the command ${key} began, and its end was not recorded`)
  }
  const separator = lines.indexOf('.')
  if (exitCode !== 0 || separator === -1) {
    const why = stderr.trim().slice(0, 300)
    const isLacking = exitCode === lacking || notRun.has(exitCode)
    throw new SandboxError(
      isLacking ? 'refused' : 'unavailable',
      why === '' ? `the script that runs commands ended with ${exitCode}` : why,
    )
  }
  const [code = 0, hundredths = 0, cut = 0] = line.split(' ').map(Number)
  // The clock of the sandbox has hundredths of a second.
  const timedOut = code === 137 && hundredths >= Math.floor(timeoutSeconds * 100) - 1
  return {
    exitCode: timedOut ? null : code,
    signal: signalOf(code),
    stdout: Buffer.from(lines.slice(0, separator).join(''), 'base64'),
    stderr: Buffer.from(lines.slice(separator + 1).join(''), 'base64'),
    timedOut,
    truncated: cut === 1,
  }
}
