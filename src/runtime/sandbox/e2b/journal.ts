import { decoded, signalOf } from '../commands.ts'
import { type ExecRequest, type ExecResult, SandboxError } from '../provider.ts'
import type { Ended } from './processes.ts'

/** The limits of a sandbox's commands. */
export interface CommandLimits {
  /** The user that the commands run as. */
  readonly user: string
  readonly pids: number
  /** The most that each file may hold. */
  readonly diskMb: number
}

/** The exit codes of the scripts for what the template lacks, and for what may work the next time. */
const lacking = 64
const unfinished = 75
/** How long a process waits for its input, in seconds. */
const inputSeconds = 60

/**
 * Runs a command once for its key, and prints how it ended, in a line, and what it printed.
 *
 * It runs as root, and the command as the agent's user without a way back (`no-new-privs`: sudo does not work), so that the
 * agent reaches neither the journal nor this script. It runs on when its caller leaves. A lock for each key makes other callers
 * wait for its end; a command that began and has no result when the lock is free has lost it.
 */
const onceScript = `
umask 077
key=$1 user=$2 seconds=$3 most=$4 pids=$5 disk=$6 size=$7
shift 7
fail() { echo "$2" >&2; exit "$1"; }
for each in cat env flock head mkfifo prlimit setpriv stat timeout; do
  command -v "$each" > /dev/null || fail ${lacking} "the template has no $each"
done
while IFS=: read -r name _ uid gid _ home _; do [ "$name" = "$user" ] && break; done < /etc/passwd
[ "$name" = "$user" ] || fail ${lacking} "the template has no user $user"
[ "$uid" != 0 ] || fail ${lacking} "commands cannot run as $user, which is root"
[ "$PWD" != "$HOME" ] || cd "$home"
own=/var/lib/scorekeeper
mkdir -p "$own" && chmod 700 "$own" || fail ${unfinished} "the journal cannot be written"
here=$own/$key
input=/dev/null
if [ "$size" -gt 0 ]; then
  input=$here.input.$$
  timeout ${inputSeconds} head -c "$size" > "$input"
  [ "$(stat -c %s "$input")" = "$size" ] || { rm -f "$input"; fail ${unfinished} "the input did not come"; }
  chown "$uid" "$input"
fi
now() { read -r up _ < /proc/uptime; echo $((\${up%.*} * 100 + 1\${up#*.} - 100)); }
keep() {
  { prlimit --fsize="$most" cat > "$here.$2" || { : > "$here.cut"; cat > /dev/null; }; : > "$here.$2.end"
  } < "$here.$1" > /dev/null 2>&1 9>&- &
}
exec 9>> "$here.lock"
flock 9
if [ ! -e "$here.result" ]; then
  [ ! -e "$here.begun" ] || { rm -f "$here".input.*; echo lost; exit 0; }
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
rm -f "$here".input.*
read -r code took cut out err < "$here.result"
echo "ended $code $took $cut"
head -c "$out" "$here.out"
head -c "$err" "$here.err" >&2
`

/** Runs in the agent's environment: enters the folder `$1`, if there is one, and becomes the command. */
const enterScript = 'umask 022; [ -z "$1" ] || cd -- "$1" || exit 1; shift; exec "$@"'

/** The command line that runs a command once for its key, as root. */
export function onceArgv(
  { key, argv, cwd = '', env = {}, timeoutSeconds, maxOutputBytes }: ExecRequest,
  { user, pids, diskMb }: CommandLimits,
  inputBytes: number,
): readonly string[] {
  const numbers = [timeoutSeconds, maxOutputBytes, pids, diskMb * 1024 ** 2, inputBytes]
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const command = [...variables, '/bin/sh', '-c', enterScript, 'sh', cwd, ...argv]
  return ['/bin/sh', '-c', onceScript, 'scorekeeper', key, user, ...numbers.map(String), ...command]
}

/**
 * How the command ended that {@link onceArgv} ran.
 *
 * @throws SandboxError `exec_ambiguous` if its end was lost; `refused` if the template lacks something; `unavailable` if the
 * script did not come to its end.
 */
export function resultOf({ exitCode, stdout, stderr }: Ended, request: ExecRequest): ExecResult {
  const end = stdout.indexOf(10)
  const words = Buffer.from(stdout.subarray(0, Math.max(end, 0)))
    .toString()
    .split(' ')
  if (exitCode === 0 && words[0] === 'lost') {
    throw new SandboxError('exec_ambiguous', `the command ${request.key} began, and its end was not recorded`)
  }
  if (exitCode !== 0 || words[0] !== 'ended') {
    const why = Buffer.from(stderr).toString().trim().slice(0, 300)
    throw new SandboxError(
      exitCode === lacking ? 'refused' : 'unavailable',
      why === '' ? `the script that runs commands ended with ${exitCode}` : why,
    )
  }
  const [code = 0, hundredths = 0, cut = 0] = words.slice(1).map(Number)
  // The clock of the sandbox has hundredths of a second.
  const timedOut = code === 137 && hundredths >= Math.floor(request.timeoutSeconds * 100) - 1
  const truncated = cut === 1
  return {
    exitCode: timedOut ? null : code,
    signal: signalOf(code),
    stdout: decoded(stdout.subarray(end + 1), truncated),
    stderr: decoded(stderr, truncated),
    timedOut,
    truncated,
  }
}

/** Longer than the line in which {@link onceArgv} prints how a command ended. */
export const endedLineBytes = 100

/** The command line that writes so many bytes of its standard input to a file, as the agent's user. */
export function writeArgv(path: string, inputBytes: number): readonly string[] {
  const script = `mkdir -p -- "$(dirname -- "$1")" || exit 1
[ "$2" -gt 0 ] || { : > "$1"; exit; }
exec timeout ${inputSeconds} head -c "$2" > "$1"`
  return ['/bin/sh', '-c', script, 'write', path, String(inputBytes)]
}
