/**
 * The Python program that runs one grader's code. It is a text because the build copies only compiled TypeScript.
 *
 * It reads `{ source, sample, item, limits, landlock }` as JSON from standard input. It answers on file descriptor 3, which
 * it moves out of the way of the graded code: first the line `ready`, or `ready landlock`, before the code starts, then one
 * line of JSON: `{"score": 0.5}`, `{"error": {"where", "message"}}`, `{"memory": true}` or `{"input": true}`. It keeps its
 * own references to all functions that it needs afterwards, so code that replaces `json` or `float` changes nothing.
 *
 * Indented source is dedented, because notebooks and documentation pages indent it.
 *
 * Landlock (Linux 5.13 and later) makes the kernel refuse to create, change, delete and execute files, and from Linux 6.7 on
 * TCP connections. The audit hook refuses sockets, processes, signals, ctypes, changes to files and reading outside
 * Python's own folders (`/proc` holds the environment of other processes of the same user). CPython calls the hook only for
 * some of its own functions: it stops mistakes and the usual ways, not an author who knows CPython well (PEP 578).
 *
 * @see https://docs.python.org/3/library/audit_events.html
 * @see https://docs.kernel.org/userspace-api/landlock.html
 */
export const harness = String.raw`
import sys


def main():
    import fcntl, gc, json, linecache, math, os, resource, traceback, types
    try:
        import ctypes  # numpy and others import it; under the hook its import would fail
    except ImportError:
        ctypes = None

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
    os.environ.pop('PWD', None)  # bubblewrap sets it
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
    locked = given['landlock'] and lock(sys, os, ctypes)
    if not locked and 'sqlite3' in source:
        without_attach()
    guard(sys, os)

    module = types.ModuleType('grader')
    module.__file__ = 'grader.py'
    sys.modules['grader'] = module
    tell(b'ready landlock\n' if locked else b'ready\n')
    try:
        source, code = compiled(source)
        linecache.cache['grader.py'] = (len(source), None, source.splitlines(True), 'grader.py')
        exec(code, module.__dict__)
        grade = module.__dict__.get('grade')
        if grade is None or not callable(grade):
            answer = {'error': {'where': '', 'message': 'the source defines no function grade(sample, item)'}}
        else:
            value = grade(sample, item)
            kind = name_of(value).__name__
            if is_a(value, (text, bytes, bytearray)) or not hasattr(name_of(value), '__float__') and not hasattr(name_of(value), '__index__'):
                answer = {'error': {'where': '', 'message': 'grade returned ' + kind + ', which is not a number'}}
            else:
                value = number(value)
                if finite(value):
                    tell(b'{"score": ' + shown(value).encode() + b'}\n')
                    leave(0)
                answer = {'error': {'where': '', 'message': 'grade returned ' + shown(value) + ', which is not a finite number'}}
    except MemoryError:
        tell(b'{"memory": true}\n')
        leave(0)
    except BaseException as error:
        try:
            at = error.__traceback__
            while at is not None and at.tb_frame.f_code.co_filename != 'grader.py':
                at = at.tb_next
            where = ''.join(traceback.format_tb(at))
            report = traceback.format_exception_only(name_of(error), error)
            if is_a(error, SyntaxError) and error.filename == 'grader.py':
                where += ''.join(report[:-1])
                report = report[-1:]
            answer = {'error': {'where': where[-1500:], 'message': ''.join(report).strip()[:4000]}}
        except MemoryError:
            tell(b'{"memory": true}\n')
            leave(0)
        except BaseException:
            answer = {'error': {'where': '', 'message': 'the code raised an exception that cannot be shown'}}
    try:
        line = encode(answer).encode()
    except BaseException:
        line = b'{"error": {"where": "", "message": "the code replaced the functions that report its error"}}'
    tell(line + b'\n')
    leave(0)


def compiled(source):
    first = None
    for text in (source, dedented(source, 0), dedented(source, 1)):
        try:
            return text, compile(text, 'grader.py', 'exec', dont_inherit=True)
        except IndentationError as error:
            first = first or error
    raise first.with_traceback(None) from None


def dedented(source, start):
    """
    Removes the common indentation of all lines, or of all but the first, whose own indentation goes as well. A string
    with lines further left than the code was not indented with it, and stays as it is.
    """
    lines = source.split('\n')
    lines[:start] = [line.lstrip(' \t') for line in lines[:start]]
    rest = [(at, line, len(line) - len(line.lstrip(' \t'))) for at, line in enumerate(lines) if at >= start]
    inside = lines_of_strings(source)
    margin = min((have for at, line, have in rest if at not in inside and line.strip() != '' and line[have] != '#'), default=0)
    kept = {inside[at] for at, line, have in rest if at in inside and line.strip() != '' and have < margin}
    return '\n'.join(lines[:start] + [line if inside.get(at) in kept else line[min(margin, have):] for at, line, have in rest])


def lines_of_strings(source):
    """The lines that begin inside a string, each with the place where the string begins."""
    import io, tokenize
    inside = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            # Other tokens that span lines are ends of lines.
            if token.string.count('\n') > 0 and token.string.strip() != '':
                inside.update((row, token.start) for row in range(token.start[0], token.end[0]))
    except (tokenize.TokenError, SyntaxError):
        pass
    return inside


def lock(sys, os, ctypes):
    if ctypes is None or sys.platform != 'linux':
        return False
    c = ctypes.CDLL(None)
    version = c.syscall(444, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    # Execute, write, remove and make anything; rename across folders and truncate where the kernel knows these.
    files = 0x1FF3 | (0x2000 if version >= 2 else 0) | (0x4000 if version >= 3 else 0)
    refused = (ctypes.c_uint64 * 3)(files, 3, 3)
    size = 8 if version < 4 else 16 if version < 6 else 24
    rules = c.syscall(444, ctypes.byref(refused), ctypes.c_size_t(size), 0)
    if rules < 0:
        return False
    done = c.prctl(38, 1, 0, 0, 0) == 0 and c.syscall(446, rules, 0) == 0
    os.close(rules)
    return done


def without_attach():
    """SQLite opens attached files itself, without an audit event."""
    try:
        import _sqlite3
    except ImportError:
        return
    base, PermissionError_ = _sqlite3.Connection, PermissionError

    class Connection(base):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            super().set_authorizer(lambda action, *rest: 1 if action == 24 else 0)

        def set_authorizer(self, *args, **kwargs):
            raise PermissionError_('a grader may not replace the authorizer of a connection')

    def connect(*args, factory=Connection, **kwargs):
        if not issubclass(factory, Connection):
            raise PermissionError_('a grader may not choose the class of a connection')
        return factory(*args, **kwargs)

    _sqlite3.Connection, _sqlite3.connect = Connection, connect


def guard(sys, os):
    changing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    folders = {*sys.path, '/usr/share', '/usr/local/share', '/usr/lib/nltk_data', '/usr/local/lib/nltk_data'}
    folders |= {os.path.join(sys.prefix, 'share'), os.path.join(sys.prefix, 'nltk_data')}
    folders = {os.path.normpath(one) for one in folders if os.path.isabs(one)}
    files = frozenset({*folders, '/dev/null', '/dev/random', '/dev/urandom'})
    beneath = tuple(one + '/' for one in folders)
    families = ('socket.', 'subprocess.', 'shutil.', 'syslog.', 'pty.', 'tempfile.', 'gc.', 'os.spawn', 'os.exec', 'os.posix_spawn')
    closed = frozenset('''
        _xxsubinterpreters _interpreters _interpchannels _interpqueues _xxinterpchannels _testcapi _testinternalcapi
        _posixshmem _gdbm _dbm _tkinter
    '''.split())
    refused = frozenset('''
        cpython.PyInterpreterState_New
        os.system os.fork os.forkpty os.kill os.killpg signal.pthread_kill os.chdir os.fchdir
        os.remove os.rename os.rmdir os.mkdir os.link os.symlink os.truncate os.chmod os.chown os.lchown os.chflags
        os.utime os.setxattr os.removexattr os.lockf
        resource.setrlimit resource.prlimit sqlite3.enable_load_extension sqlite3.load_extension
        ctypes.dlopen ctypes.dlsym ctypes.dlsym/handle ctypes.call_function ctypes.cdata ctypes.string_at
        ctypes.wstring_at ctypes.memoryview_at ctypes.PyObj_FromPtr
    '''.split())
    is_a, number, text, raw = isinstance, int, str, bytes
    PermissionError_, ImportError_ = PermissionError, ImportError
    memory = (':memory:', b':memory:')
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
            if args[0] not in memory:
                raise PermissionError_('a grader may not open a database other than :memory:')
        elif event == 'object.__setattr__':
            # numpy and asyncio replace the code of functions of their own.
            if args[1] == '__code__' and (args[0] is hook or args[0] is readable):
                raise PermissionError_('a grader may not replace the code of functions that guard it')
        elif event == 'import':
            if args[0] in closed:
                raise ImportError_('a grader may not import ' + args[0])
        elif event == 'socket.__new__' and args[1] == 1:
            pass  # asyncio needs a pair of Unix sockets; connecting and binding them is refused below
        elif event in refused or begins(event, families):
            raise PermissionError_('a grader may not use ' + event)

    def refusing(name):
        def refused_(*args, **kwargs):
            raise PermissionError_('a grader may not use os.' + name)
        return refused_

    # These have no audit event.
    for name in ('mkfifo', 'mknod'):
        for module in (os, sys.modules.get('posix')):
            if hasattr(module, name):
                setattr(module, name, refusing(name))
    sys.addaudithook(hook)


main()
`
