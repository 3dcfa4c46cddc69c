/**
 * The Python program that runs one grader's code; a text, since the build copies compiled TypeScript alone.
 *
 * It reads `{ source, sample, item, limits }` as JSON from standard input and writes to file descriptor 3, which it moves
 * out of the way of the graded code: the line `ready` before the code starts, then one line of JSON, `{"score": 0.5}`,
 * `{"error": {"where", "message"}}`, `{"memory": true}` or `{"input": true}`. What it needs afterwards it has taken hold of
 * before the code runs, so that code which replaces `json` or `float` changes nothing.
 *
 * The audit hook refuses sockets, processes, signals, ctypes, changes to files, and reading outside Python's own folders
 * (`/proc` holds the environment of other processes of the same user). CPython calls it for its own functions only: it
 * stops mistakes and the usual ways, and nobody who knows CPython well (PEP 578 says so). The limits are the kernel's.
 *
 * @see https://docs.python.org/3/library/audit_events.html
 */
export const harness = String.raw`
import sys


def main():
    import fcntl, gc, json, linecache, math, os, resource, traceback, types
    try:
        import ctypes  # numpy and others import it; under the hook its import would fail
    except ImportError:
        pass

    write, leave, finite, number, shown = os.write, os._exit, math.isfinite, float, float.__repr__
    encode = json.JSONEncoder(ensure_ascii=True).encode
    is_a, name_of, text = isinstance, type, str
    channel = fcntl.fcntl(3, fcntl.F_DUPFD_CLOEXEC, 100)
    os.close(3)

    def tell(line):
        while line:
            line = line[write(channel, line):]

    try:
        given = json.loads(sys.stdin.buffer.read())
    except RecursionError:
        tell(b'ready\n{"input": true}\n')
        leave(0)
    source, sample, item = given['source'], given['sample'], given['item']
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors='backslashreplace')
    for limit, most in given['limits'].items():
        which = getattr(resource, limit, None)
        if which is None:
            continue
        _, hard = resource.getrlimit(which)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(which, (most, most))
        except (OSError, ValueError):
            if sys.platform == 'linux':
                raise
    guard(sys, os)

    module = types.ModuleType('grader')
    module.__file__ = 'grader.py'
    sys.modules['grader'] = module
    linecache.cache['grader.py'] = (len(source), None, source.splitlines(True), 'grader.py')
    tell(b'ready\n')
    try:
        exec(compile(source, 'grader.py', 'exec', dont_inherit=True), module.__dict__)
        grade = module.__dict__.get('grade')
        if grade is None or not callable(grade):
            answer = {'error': {'where': '', 'message': 'the source defines no function grade(sample, item)'}}
        else:
            value = grade(sample, item)
            kind = name_of(value).__name__
            if is_a(value, (text, bytes, bytearray)) or not hasattr(name_of(value), '__float__') and not hasattr(name_of(value), '__index__'):
                answer = {'error': {'where': '', 'message': 'grade returned ' + kind + ', which is no number'}}
            else:
                value = number(value)
                if finite(value):
                    tell(b'{"score": ' + shown(value).encode() + b'}\n')
                    leave(0)
                answer = {'error': {'where': '', 'message': 'grade returned ' + shown(value) + ', which is no finite number'}}
    except MemoryError:
        tell(b'{"memory": true}\n')
        leave(0)
    except BaseException as error:
        try:
            at = error.__traceback__
            while at is not None and at.tb_frame.f_code.co_filename != 'grader.py':
                at = at.tb_next
            where = ''.join(traceback.format_tb(at))
            said = traceback.format_exception_only(name_of(error), error)
            if is_a(error, SyntaxError) and error.filename == 'grader.py':
                where += ''.join(said[:-1])
                said = said[-1:]
            answer = {'error': {'where': where[-1500:], 'message': ''.join(said).strip()[:4000]}}
        except MemoryError:
            tell(b'{"memory": true}\n')
            leave(0)
        except BaseException:
            answer = {'error': {'where': '', 'message': 'the code threw what cannot be shown'}}
    try:
        line = encode(answer).encode()
    except BaseException:
        line = b'{"error": {"where": "", "message": "the code replaced what its error is written with"}}'
    tell(line + b'\n')
    leave(0)


def guard(sys, os):
    changing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    folders = {*sys.path, '/usr/share', '/usr/local/share', '/usr/lib/nltk_data', '/usr/local/lib/nltk_data'}
    folders |= {os.path.join(sys.prefix, 'share'), os.path.join(sys.prefix, 'nltk_data')}
    folders = {os.path.normpath(one) for one in folders if os.path.isabs(one)}
    files = frozenset({*folders, '/dev/null', '/dev/random', '/dev/urandom'})
    beneath = tuple(one + '/' for one in folders)
    families = ('socket.', 'subprocess.', 'shutil.', 'syslog.', 'pty.', 'tempfile.', 'gc.', 'os.spawn', 'os.exec', 'os.posix_spawn')
    refused = frozenset('''
        os.system os.fork os.forkpty os.kill os.killpg signal.pthread_kill os.chdir os.fchdir
        os.remove os.rename os.rmdir os.mkdir os.link os.symlink os.truncate os.chmod os.chown os.lchown os.chflags
        os.utime os.setxattr os.removexattr os.lockf
        resource.setrlimit resource.prlimit sqlite3.enable_load_extension sqlite3.load_extension
        ctypes.dlopen ctypes.dlsym ctypes.dlsym/handle ctypes.call_function ctypes.cdata ctypes.string_at
        ctypes.wstring_at ctypes.memoryview_at ctypes.PyObj_FromPtr
    '''.split())
    is_a, number, text, raw, PermissionError_ = isinstance, int, str, bytes, PermissionError
    begins, pieces, decode = str.startswith, str.split, bytes.decode

    def readable(path):
        if is_a(path, raw):
            path = decode(path, 'utf-8', 'surrogateescape')
        if not is_a(path, text):
            return False
        return (path in files or begins(path, beneath)) and '..' not in pieces(path, '/')

    def hook(event, args):
        if event == 'open':
            path, _, flags = args
            if flags & changing:
                raise PermissionError_('a grader may not write files')
            if not is_a(path, number) and not readable(path):
                raise PermissionError_('a grader may not read files outside the folders of Python')
        elif event == 'os.listdir' or event == 'os.scandir':
            if args[0] is not None and not readable(args[0]):
                raise PermissionError_('a grader may not list folders outside those of Python')
        elif event == 'sqlite3.connect':
            if args[0] != ':memory:':
                raise PermissionError_('a grader may not open a database but :memory:')
        elif event == 'object.__setattr__':
            if args[1] == '__code__':
                raise PermissionError_('a grader may not replace the code of functions')
        elif event in refused or begins(event, families):
            raise PermissionError_('a grader may not do this: ' + event)

    sys.addaudithook(hook)


main()
`
