import { z } from 'zod'
import type { RunPython } from './measure.ts'

/** What the code of a kernel may use. */
export interface CodeRules {
  /** Names that may not appear anywhere: the reference, and library functions that do the whole task. */
  readonly forbidden: readonly string[]
  /** Further names of the numpy and torch modules that the item allows. */
  readonly allowed: readonly string[]
  /** Whether C++ or CUDA in strings may be compiled by `load_inline`. It is not inspected. */
  readonly inline: boolean
}

/** The names that may be imported from each module. No other module may be imported. */
const modules: Readonly<Record<string, string>> = {
  torch:
    'empty empty_like zeros zeros_like float16 float32 float64 bfloat16 int8 int16 int32 int64 bool contiguous_format preserve_format',
  triton: 'jit cdiv next_power_of_2 Config autotune heuristics',
  'triton.language':
    'program_id num_programs arange load store zeros full exp exp2 log log2 sqrt rsqrt sin cos abs max min sum maximum minimum where dot trans cdiv constexpr static_range static_assert multiple_of max_contiguous atomic_add atomic_max atomic_min debug_barrier float16 float32 float64 bfloat16 int1 int8 int32 int64',
  'triton.language.math': 'exp exp2 log log2 sqrt rsqrt sin cos tanh',
  numpy: 'empty empty_like zeros zeros_like float32 float64 int32 int64',
  math: 'ceil floor log log2 sqrt exp pi inf',
  'torch.utils.cpp_extension': 'load_inline',
}

/** The attributes of values such as tensors. */
const attributes =
  'shape dtype device stride size numel dim ndim contiguous is_contiguous view reshape to element_ty x y z'
const builtins = 'range len min max abs int float bool tuple zip enumerate'

const verdict = z.object({ problem: z.string().nullable() })
const longestCode = 100_000

/**
 * Returns the first thing in a kernel's code that is not allowed, or undefined. Python's `ast` parses the code where `run` runs
 * it; the code itself is never run. Only what a kernel needs is allowed: top-level functions, local names, and the listed names
 * of the listed modules. Objects that outlive a call are not allowed, because they could cache answers: non-constant defaults,
 * assigned attributes, and anything at the top level but constants.
 */
export async function problemIn(
  code: string,
  rules: CodeRules,
  signal: AbortSignal,
  run: RunPython,
): Promise<string | undefined> {
  if (code.length > longestCode) return `longer than ${longestCode} characters`
  const named = Object.entries(modules).map(([module, names]) => [
    module,
    [...names.split(' '), ...extra(module, rules)],
  ])
  const input = {
    code,
    forbidden: rules.forbidden,
    inline: rules.inline,
    modules: Object.fromEntries(named),
    attributes: attributes.split(' '),
    builtins: builtins.split(' '),
  }
  const printed = await run(checker, JSON.stringify(input), signal)
  if (printed === undefined) return 'cannot be parsed'
  const { problem } = verdict.parse(JSON.parse(printed))
  return problem ?? undefined
}

function extra(module: string, { allowed }: CodeRules): readonly string[] {
  return module === 'numpy' || module === 'torch' ? allowed : []
}

const checker = String.raw`
import ast, json, sys

given = json.load(sys.stdin)
modules = {name: set(names) for name, names in given["modules"].items()}
attributes, builtins, forbidden = set(given["attributes"]), set(given["builtins"]), set(given["forbidden"])

class Problem(Exception):
    pass

allowed = (
    ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Lambda, ast.Return, ast.Assign, ast.AugAssign, ast.AnnAssign,
    ast.For, ast.While, ast.If, ast.Expr, ast.Pass, ast.Break, ast.Continue, ast.Import, ast.ImportFrom, ast.alias,
    ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Call, ast.keyword, ast.BinOp, ast.BoolOp, ast.UnaryOp,
    ast.Compare, ast.IfExp, ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.expr_context, ast.boolop, ast.operator,
    ast.unaryop, ast.cmpop,
)
names = {
    ast.Try: "a fall-back", ast.ClassDef: "a class", ast.Global: "a global name", ast.Nonlocal: "a name of another function",
    ast.With: "a with statement", ast.NamedExpr: "an assignment in an expression", ast.Delete: "a deletion",
    ast.JoinedStr: "an f-string", ast.MatMult: "the library's matrix product",
}

def constant(node):
    if isinstance(node, ast.Constant): return True
    if isinstance(node, ast.UnaryOp): return constant(node.operand)
    if isinstance(node, ast.BinOp): return constant(node.left) and constant(node.right)
    return isinstance(node, ast.Tuple) and all(constant(one) for one in node.elts)

def stored(target):
    """The names that a target assigns; anything else that could be assigned outlives the call."""
    if isinstance(target, ast.Name): return [target.id]
    if isinstance(target, (ast.Tuple, ast.List)): return [name for one in target.elts for name in stored(one)]
    if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name): return [("item", target.value.id)]
    raise Problem("an attribute assigned")

def targets(node):
    if isinstance(node, ast.Assign): return node.targets
    return [node.target] if isinstance(node, (ast.AugAssign, ast.AnnAssign, ast.For)) else []

def checked(name):
    if name in forbidden: raise Problem("it uses " + name)
    if name.startswith("__"): raise Problem("it uses " + name)
    return name

bound = {}      # what a name stands for: a module, or a name of one
top = set()     # functions, constants and compiled sources
compiled = set()

def bind(node):
    for one in node.names:
        checked(one.name.rpartition(".")[2])
        if isinstance(node, ast.Import):
            if one.name not in modules: raise Problem("it imports " + one.name)
            if one.asname is None and "." in one.name: raise Problem("it imports " + one.name + " without a name of its own")
            bound[checked(one.asname or one.name)] = ("module", one.name)
            continue
        path = f"{node.module}.{one.name}"
        if node.level == 0 and path in modules: bound[checked(one.asname or one.name)] = ("module", path)
        elif node.level == 0 and one.name in modules.get(node.module, ()): bound[checked(one.asname or one.name)] = ("name", path)
        else: raise Problem(f"it imports {one.name} of {node.module}")

def is_load_inline(node):
    if not isinstance(node, ast.Call): return False
    what = node.func
    if isinstance(what, ast.Name): return bound.get(what.id) == ("name", "torch.utils.cpp_extension.load_inline")
    return isinstance(what, ast.Attribute) and isinstance(what.value, ast.Name) and what.attr == "load_inline" \
        and bound.get(what.value.id) == ("module", "torch.utils.cpp_extension")

def is_source(node):
    """A constant, a name, or lists and keywords of these: what load_inline takes."""
    if isinstance(node, (ast.List, ast.Tuple)): return all(is_source(one) for one in node.elts)
    return constant(node) or (isinstance(node, ast.Name) and node.id in top)

def check_top(node):
    if isinstance(node, (ast.Import, ast.ImportFrom)): return bind(node)
    if isinstance(node, ast.FunctionDef):
        checked(node.name)
        if node.name in bound: raise Problem("an import replaced")
        return top.add(node.name)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant): return
    if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
        mine = [name for target in targets(node) for name in stored(target)]
        if not all(isinstance(name, str) for name in mine) or any(name in bound or name in top for name in mine):
            raise Problem("a name replaced")
        if is_load_inline(node.value):
            if not given["inline"]: raise Problem("C++ in a string")
            call = node.value
            if not all(is_source(one) for one in call.args + [word.value for word in call.keywords]): raise Problem("a source that is made")
            compiled.update(mine)
        elif not constant(node.value): raise Problem("something at the top that could keep answers")
        return top.update(mine)
    raise Problem("something at the top that is not a function, an import or a constant")

def check_function(function):
    decorators = function.decorator_list if isinstance(function, ast.FunctionDef) else []
    for one in decorators:
        what = one.func if isinstance(one, ast.Call) else one
        root = what.value if isinstance(what, ast.Attribute) else what
        found = bound.get(root.id) if isinstance(root, ast.Name) else None
        if found is None or not (found == ("module", "triton") or found[1].startswith("triton.")): raise Problem("a decorator")
    inner = [node for node in ast.walk(function) if node is not function]
    mine = set()
    for args in [function.args] + [node.args for node in inner if isinstance(node, ast.Lambda)]:
        every = args.posonlyargs + args.args + args.kwonlyargs + [one for one in (args.vararg, args.kwarg) if one]
        mine.update(checked(one.arg) for one in every)
        if not all(constant(one) for one in args.defaults + [one for one in args.kw_defaults if one]):
            raise Problem("a default that could keep answers")
    parameters = set(mine)
    items = []
    for node in inner:
        if isinstance(node, (ast.FunctionDef, ast.Import, ast.ImportFrom)): raise Problem("a function or an import in a function")
        for target in targets(node):
            for name in stored(target):
                if isinstance(name, tuple): items.append(name[1])
                else: mine.add(checked(name))
    if mine & (set(bound) | top): raise Problem("a name replaced")
    if any(name not in mine or name in parameters for name in items): raise Problem("an element of something else assigned")
    check_names(function, mine)

def check_names(root, mine):
    inside = set()
    for node in ast.walk(root):
        if isinstance(node, ast.Attribute):
            check_attribute(node, mine)
            inside.add(id(node.value))
        if isinstance(node, ast.keyword) and node.arg is not None: checked(node.arg)
    for node in ast.walk(root):
        if not isinstance(node, ast.Name): continue
        checked(node.id)
        found = bound.get(node.id)
        if found is not None and found[0] == "module" and id(node) not in inside: raise Problem("a module by another name")
        if found is None and node.id not in mine | top | builtins: raise Problem("it uses " + node.id)

def check_attribute(node, mine):
    checked(node.attr)
    if not isinstance(node.ctx, ast.Load): raise Problem("an attribute assigned")
    root = node.value
    found = bound.get(root.id) if isinstance(root, ast.Name) and root.id not in mine else None
    if found is not None and found[0] == "module":
        if node.attr not in modules[found[1]]: raise Problem(f"it uses {node.attr} of {found[1]}")
    elif isinstance(root, ast.Name) and root.id in compiled: return
    elif node.attr not in attributes: raise Problem("it uses ." + node.attr)

def check(code):
    try: tree = ast.parse(code)
    except (SyntaxError, ValueError, MemoryError, RecursionError): raise Problem("it cannot be parsed")
    for node in ast.walk(tree):
        if not isinstance(node, allowed) or isinstance(node, ast.MatMult):
            raise Problem(names.get(type(node), "a " + type(node).__name__))
    for node in tree.body: check_top(node)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef): check_function(node)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            check_names(node, {name for target in targets(node) for name in stored(target)})

try:
    check(given["code"])
    print(json.dumps({"problem": None}))
except Problem as problem:
    print(json.dumps({"problem": str(problem)}))
`
