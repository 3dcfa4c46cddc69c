import { enterFolder, folderArguments } from '../commands.ts'
import type { ExecRequest } from '../provider.ts'

/** A folder that belongs to root: the agent cannot enter it. */
const own = '/.scorekeeper/own'
/** The largest file that commands may write, in blocks of 512 bytes; the agent can read it. */
const fileLimit = '/.scorekeeper/blocks'

/**
 * Shell functions that need no new process, so that they work where a sandbox has as many as it may.
 *
 * The lock is the file with the highest number in `locks`. It names its holder by process id and start time, and is held as
 * long as that process lives. `free` in place of them says that it was released in order.
 */
const lockFunctions = `
start_of() {
  stat=
  read -r stat 2>/dev/null < "/proc/$1/stat" || return 1
  set -- \${stat##*) }
  [ "$1" != Z ] && [ "$1" != X ] && start=\${20}
}
held() {
  last=0 pid= born=
  for each in ${own}/locks/*; do
    each=\${each##*/}
    case $each in *[!0-9]*) continue ;; esac
    [ "$each" -le "$last" ] || last=$each
  done
  [ "$last" = 0 ] || read -r pid born 2>/dev/null < "${own}/locks/$last"
  [ -n "$born" ] && start_of "$pid" && [ "$start" = "$born" ]
}
`

/**
 * The first process. It belongs to root, so that the agent cannot end it, and ends the container when its time to live has
 * passed, whatever became of the server. At SIGUSR1 it kills all others unless the lock is held: this needs no new process,
 * and so works where a sandbox has as many as it may.
 *
 * For the same reason it must not end when it can start none: `command eval` keeps the error of a failed fork from ending the
 * shell, and then it waits for a process that it started before, until the end of a command wakes it with SIGUSR2.
 *
 * Its arguments are the time to live in seconds, which the container's own clock counts, and the limit of files in blocks.
 */
export const firstScript: string = `${lockFunctions}
trap 'exit 0' TERM
trap 'held || kill -9 -1' USR1
trap : USR2
mkdir -m 700 ${own} ${own}/journal ${own}/locks && printf %s "$2" > ${fileLimit} &&
  printf %s "$(($(date +%s) + $1))" > ${own}/expires || exit 1
sleep 2147483647 & forever=$!
until command eval '[ "$(date +%s)" -ge "$(cat ${own}/expires)" ]' 2>/dev/null; do
  kill -0 "$forever" 2>/dev/null || command eval 'sleep 2147483647 & forever=$!' 2>/dev/null
  pause=$forever
  command eval 'sleep 5 & pause=$!' 2>/dev/null
  wait "$pause"
  [ "$pause" = "$forever" ] || kill "$pause" 2>/dev/null
done
`

/** Sets the time to live to `$1` seconds from now. */
export const extendScript = `printf %s "$(($(date +%s) + $1))" > ${own}/draft.$$ && mv ${own}/draft.$$ ${own}/expires`

/**
 * Holds the lock for a command, as root; `$1` is the command's key, or empty for work that is not recorded, and `$2` how many
 * tenths of a second it may wait: it does not notice while it waits that its owner leaves.
 *
 * It prints what it finds (`recorded` and the result, `lost`, `held`, `busy`; `same` while it waits for a command of the same key), and
 * then answers to requests on its standard input. When that ends, its owner has left: it kills all processes. A lock whose
 * holder died is taken over with the processes under it killed.
 */
export const holderScript: string = `${lockFunctions}
umask 077
key=$1 naps=$2 here=${own}/journal/$1 same=
for each in cat head ln mkdir mv rm sleep stat; do
  command -v "$each" > /dev/null || { echo "lacking $each"; exit; }
done
mkdir -p ${own}/locks || exit 1
start_of $$ || exit 1
mine=$start
take() {
  held && return 1
  before=$last left=$pid number=$((last + 1))
  echo "$$ $mine" > ${own}/locks/draft.$$ || exit 1
  ln ${own}/locks/draft.$$ "${own}/locks/$number" 2>/dev/null || return 1
  held
  # It looked before another one took and removed this number.
  [ "$last" = "$number" ] || { rm -f "${own}/locks/$number"; return 1; }
  [ "$before" = 0 ] || [ "$left" = free ] || kill -9 -1
  rm -f ${own}/locks/draft.$$ "${own}/locks/$before"
}
free() { echo free > "${own}/locks/$number"; }
tell() {
  [ -n "$key" ] && [ -e "$here/result" ] || return 0
  [ -z "$1" ] || free
  echo recorded && cat "$here/result" && echo && echo end
  exit
}
tell
until take; do
  [ -z "$key" ] || [ -n "$same" ] || [ ! -e "$here" ] || { same=1; echo same; }
  [ -n "$same" ] || [ "$naps" -gt 0 ] || { echo busy; exit; }
  naps=$((naps - 1))
  sleep 0.1 2>/dev/null || sleep 1 || exit 1
  tell
done
tell locked
[ -z "$key" ] || [ ! -e "$here" ] || { free; echo lost; exit; }
echo held
while read -r request size; do
  case $request in
    begin) mkdir "$here" && echo begun || exit 1 ;;
    kill) kill -9 -1; echo killed ;;
    end)
      # Ended processes count until the first one has looked after them.
      kill -USR2 1
      if command eval '(:)' 2>/dev/null; then echo ready; else kill -9 -1; echo full; fi ;;
    store)
      head -c "$size" > "$here/draft" && [ "$(stat -c %s "$here/draft")" = "$size" ] &&
        mv "$here/draft" "$here/result" && free && echo stored
      exit ;;
    release) kill -USR2 1; free && echo released; exit ;;
  esac
done
kill -9 -1
`

/**
 * Runs a command as the agent in the folder `$1` (see {@link folderArguments}), and then kills all that it left behind. It needs no new process for that.
 * What the shell itself has to say is not the command's output. If there is input (`$3`), what is left of it is read: Podman
 * loses the output of a command that leaves input unread.
 */
const agentScript = `
exec 3>&2 2>/dev/null
read -r blocks < ${fileLimit}; [ -z "$blocks" ] || ulimit -f "$blocks" || exit 126
(
  exec 2>&3 3>&-
  ${enterFolder}
  shift 3
  exec "$@"
)
code=$?
kill -9 -1
[ -z "$3" ] || command eval 'cat > /dev/null'
exit "$code"
`

/** The command line that runs a command as the agent; nothing of it runs on when it has ended. */
export function agentCommand({
  argv,
  cwd,
  input = '',
}: Pick<ExecRequest, 'argv' | 'cwd' | 'input'>): readonly string[] {
  return ['sh', '-c', agentScript, 'sandbox', ...folderArguments(cwd), input.length > 0 ? 'input' : '', ...argv]
}
