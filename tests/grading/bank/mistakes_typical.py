"""Typical mistakes, and what the student reads for each: their own line, and the cause.

A mistake is made in the bank's good student, or, where `module` is true, in the module's own solution.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Typical:
    """`old` in a kernel's cell becomes `new`; the message holds the line and all of `says`."""

    kernel: str
    name: str
    old: str
    new: str
    says: tuple[str, ...]
    module: bool = False

    def made_in(self, source: str) -> str:
        """The cell's source with this mistake in it."""
        assert self.old in source, f"{self.kernel}, {self.name}: its place is gone"
        return source.replace(self.old, self.new)


NJIT = "@njit(nogil=True)\n"

STUDENT: dict[str, list[tuple[str, str, str, tuple[str, ...]]]] = {
    "profile_operation": [
        ("name misspelt", "cpu_s / wall_s", "cpu / wal",
         ("`profile = {", "name 'wal' is not defined")),
        ("nothing returned", "    return profile\n", "",
         ("profile_operation returned None: is its `return` missing?",)),
        ("CPU time of the clock on the wall", "time.process_time()", "time.perf_counter()",
         ("`cpu_utilization`: expected about 0 for a sleep", "time.process_time")),
        ("None divided", "if flops is not None:\n        profile", "if True:\n        profile",
         ("`profile[\"gflops\"] = flops / wall_s / 1e9`", "something is None here")),
    ],
    "benchmark_operation": [
        ("standard deviation with ddof 0", "ddof=1", "ddof=0",
         ("`std_s`", "It is the standard deviation divided by n (ddof=0).")),
        ("samples as a list divided", "np.divide(other, own)", "other / own",
         ("`ratios = other / own`", "`/` does not work on a list: make an array of it first")),
        ("warm-up counted", "for _ in range(repeats):", "for _ in range(warmup + repeats):",
         ("`samples_s`: expected 12 samples for repeats=12, got 15",)),
        ("variable used before it is set", "own, other = [], []", "other = []",
         ("`own.append(", "name 'own' is not defined")),
    ],
    "matmul_baseline": [
        ("index out of range", "B[k, j]", "B[j, k]",
         ("C[i, j] is row i of A times column j of B", "It is A @ B.T: the two indices of B are swapped.")),
        ("name of the loop misspelt", "    three_loops(plain", "    tree_loops(plain",
         ("`tree_loops(plain(A, dtype), plain(B, dtype), C)`", "name 'tree_loops' is not defined")),
        ("name misspelt in the loop", "total += A[i, k]", "total += a[i, k]",
         ("`total += a[i, k] * B[k, j]`", "name 'a' is not defined")),
        ("range of a shape", "range(A.shape[0])", "range(A.shape)",
         ("`for i in range(A.shape):`", "`range` was given a tuple")),
        ("an index too many", "total = C[i, j]", "total = C[i, j, 0]",
         ("`total = C[i, j, 0]`", "an array of 2 dimension(s) is indexed with 3 indices")),
        ("an index missing", "C[i, j] = total", "C[i] = total + 'x'",
         ("`C[i] = total + 'x'`", "`+` does not work between these types")),
    ],
    "vectorized_relu": [
        ("method misspelt", "result.astype(x", "result.as_type(x",
         ("`return Tensor(result.as_type(x.dtype", "no attribute 'as_type'")),
        ("NaN lost", "    result = np.where(x != x, x, result)\n", "",
         ("NaN is lost there", "elements are wrong")),
        ("input overwritten", "result = np.where(x > 0, x, x.dtype.type(0))", "x[x <= 0] = 0\n    result = x",
         ("changed its operand, argument 1: work on a copy",)),
        ("condition on an array", "result = np.where(x > 0, x, x.dtype.type(0))", "result = x if x > 0 else 0",
         ("`result = x if x > 0 else 0`", "an array stands where one yes or no is needed")),
    ],
    "vectorized_operations": [
        ("the array's own data", "x, y = array_of(x), array_of(y)", "x, y = x.data.ravel(), y.data.ravel()",
         ("`x, y = x.data.ravel(), y.data.ravel()`", "`.data` is a memoryview")),
        ("int8 wraps", "dtype, final = computing_dtype(x, y)", "dtype, final = np.result_type(x, y)",
         ("wrapped around: a multiple of 2^8 away",)),
        ("shapes that do not fit", "difference = x - y", "difference = x - y.T",
         ("`difference = x - y.T`", "the shapes (3,4) and (4,3) do not fit together")),
    ],
    "cache_friendly_matmul": [
        ("helper called with one argument less", "B_panels, (j - j0) // wide, C, i, j, k1 - k0, k0 > 0",
         "B_panels, (j - j0) // wide, C, i, j, k1 - k0", ("`multiply_tile(`", "the argument `accumulate` is missing in the call of `multiply_tile`")),
        ("true division in an index", "A_panels[(i - i0) // high, (i", "A_panels[(i - i0) / high, (i",
         ("`A_panels[(i - i0) / high, (i - i0) % high, k - k0] = A[i, k]`", "use //")),
        ("last block dropped", "range(0, rows, block_rows)", "range(0, rows - rows % block_rows, block_rows)",
         ("elements are wrong", "0: never computed")),
        ("out of memory", "C = np.zeros((A.shape[0], B.shape[1]), dtype)", "C = np.zeros((10**7, 10**6), dtype)",
         ("`C = np.zeros((10**7, 10**6), dtype)`", "out of memory: an array of shape (10000000, 1000000)")),
        ("endless loop", "for i0 in range(0, rows, block_rows):\n", "i0 = 0\n            while i0 < rows:\n",
         ("`while i0 < rows:`", "this line was running")),
    ],
    "parallel_relu": [
        ("last chunk lost", "chunk = -(-len(flat) // num_workers)", "chunk = len(flat) // num_workers",
         ("is the last chunk complete?", "(the last ")),
        ("name misspelt in a worker", "result[part] += flat", "results[part] += flat",
         ("`results[part] += flat.dtype.type(0)`", "name 'results' is not defined")),
        ("worker handed to the pool by its result", "pool.map(work, range(num_workers))", "pool.map(work(0), range(num_workers))",
         ("`list(pool.map(work(0), range(num_workers)))`", "a NoneType is no function, and is called like one")),
    ],
    "parallel_batch_processing": [
        ("results in the order of completion", "enumerate(futures)",
         "enumerate(__import__('concurrent.futures').futures.as_completed(futures))",
         ("in the order of the items, [9, 1, 4], got",)),
        ("no note", "error.add_note(f\"batch item {index}\")", "pass",
         ("expected the note 'batch item 3' on the exception",)),
        ("pool shut down before it is used", "        futures = [pool", "        pool.shutdown()\n        futures = [pool",
         ("`futures = [pool.submit(operation, item) for item in batch_data]`", "cannot schedule new futures after shutdown")),
    ],
    "quantized_matmul": [
        ("cast instead of clip", "np.clip(np.rint(x / scale), -127, 127).astype(np.int8)", "np.rint(x / scale).astype(np.int64).astype(np.int8)",
         ("quantizing saturates at ±127", "It is wrapped around, as a cast to int8 does it.")),
        ("loop calls what is not compiled", "C.dtype.type(A[i, k]) * B[k, j]", "to_int8(A[i, k], 1) * B[k, j]",
         ("`C[i, j] += to_int8(A[i, k], 1) * B[k, j]`", "`to_int8` is plain Python")),
        ("one scale forgotten", "(scale_A * scale_B)", "scale_A",
         ("int8 with scales 0.5 and 0.25", "4 times what is expected")),
    ],
    "quantized_relu": [
        ("scale forgotten", "(q * scale)", "q",
         ("It is still in int8 steps: times the scale.",)),
        ("scale of None", "x / scale), -127", "x / scales), -127",
         ("`return np.clip(np.rint(x / scales), -127, 127)", "name 'scales' is not defined")),
        ("flattened", "return Tensor((q * scale)", "return Tensor((q.ravel() * scale)",
         ("expected the shape (30, 41), got (1230,): it is flat",)),
    ],
    "pruned_matmul": [
        ("= for +=", "] += a", "] = a",
         ("It is the last weight of each column alone: is it = for +=?",)),
        ("dense loops over sparse weights", "sparse_loops(plain(A, dtype), plain(weights, dtype), B.indices, B.indptr, C)",
         "sparse_loops(plain(A, dtype), B, B.indices, B.indptr, C)",
         ("`sparse_loops(plain(A, dtype), B, B.indices, B.indptr, C)`", "was handed to compiled code, which takes arrays and numbers")),
        ("two types for one variable", "a = A[i, k]\n", "a = A[i, k] if k else 'none'\n",
         ("`a = A[i, k] if k else 'none'`", "in compiled code it keeps one type")),
    ],
}  # fmt: skip

STEP = "                C[i, j] += A[i, k] * B[k, j]\n"
MODULE: dict[str, list[tuple[str, str, str, tuple[str, ...]]]] = {
    "profile_operation": [
        ("integer division", "flops / wall / 1e9", "flops // wall // 1e9",
         ("It is cut to a whole number: is it // for /?",)),
        ("calls itself", "result = operation(", "result = profile_operation(operation, ",
         ("`result = profile_operation(operation, *args, **kwargs)`", "the function calls itself without end")),
        ("bracket left open", '"cpu_utilization": cpu / wall}', '"cpu_utilization": cpu / wall',
         ("`profile = {", "'{' was never closed")),
    ],
    "benchmark_operation": [
        ("nothing returned", "    return report\n", "", ("benchmark_operation returned None: is its `return` missing?",)),
        ("interval along the other axis", "axis=1)", "axis=0)", ("`ci95_s`: expected the percentiles 2.5 and 97.5",)),
        ("brace of an f-string left open", "got {warmup}", "got {warmup", ("`raise ValueError(", "f-string")),
        ("= for ==", "if warmup < 0:", "if warmup = 0:", ("`if warmup = 0:`", "instead of '='?")),
    ],
    "matmul_baseline": [
        ("loop not compiled", f"{NJIT}def _three_loops", "def _three_loops",
         ("`_three_loops` is not compiled", "`@njit(nogil=True)` is missing above")),
        ("last term left out", "range(A.shape[1])", "range(A.shape[1] - 1)",
         ("Each of these sums lacks term 2 (the last of 3).",)),
        ("lengths mixed up", "range(B.shape[1])", "range(B.shape[0])",
         ("are M, K, N mixed up?", "columns 5 to 10 (the last 6 of 11)")),
        ("= for +=", "C[i, j] +=", "C[i, j] =",
         ("has only term 2 (the last of 3): is what was there overwritten (= for +=)?",)),
        ("A turned", "A[i, k]", "A[k, i]", ("It is A.T @ B: the two indices of A are swapped.",)),
        ("print with a format", STEP, "                print(f'{C[i, j]:.2f}')\n" + STEP,
         ("`print(f'{C[i, j]:.2f}')`", "a format in an f-string (as `:.2f`) cannot be compiled")),
        ("list in a loop", STEP, "                total = []\n                total += A[i, k] * B[k, j]\n",
         ("`total = []`", "an empty list says nothing about what it will hold")),
        ("endless while", "            for k in range(A.shape[1]):\n", "            k = 0\n            while k < A.shape[1]:\n",
         ("`while k < A.shape[1]:`", "this line was running")),
        ("indented too little", STEP, STEP[4:], ("`C[i, j] += A[i, k] * B[k, j]`", "expected an indented block")),
        ("far beyond the array", "C[i, j] +=", "C[i * 10**9, j] +=",
         ("`_three_loops(", "a compiled loop reads or writes beyond an array")),
        ("step of 0", "range(A.shape[1])", "range(0, A.shape[1], A.shape[0] // 100)",
         ("`_three_loops(", "range() arg 3 must not be zero")),
        ("name of NumPy's misspelt", "    for i in range(A.shape[0]):\n",
         "    T = np.zero(3)\n    for i in range(A.shape[0]):\n", ("`T = np.zero(3)`", "numpy has no `zero`")),
        ("nothing written yet", STEP, "                raise NotImplementedError()\n", ("this is still the stub",)),
        ("empty body", STEP, "", ("`### END SOLUTION`", "is a body empty, or a bracket open?")),
    ],
    "vectorized_relu": [
        ("loop not compiled", f"{NJIT}def _relu_lanes", "def _relu_lanes",
         ("`_relu_lanes` is not compiled", "`@njit(nogil=True)` is missing above")),
        ("number for a vector", "lanes(x.dtype), splat(0, x.dtype)", "lanes(x.dtype), 0",
         ("`store_vector(maximum(load_vector(x, i), zero), out, i)`", "`maximum`: expected a vector, not int64")),
        ("place left out", "load_vector(x, i)", "load_vector(x)",
         ("`store_vector(maximum(load_vector(x), zero), out, i)`", "the argument `i` is missing in the call of `load_vector`")),
        ("arguments in another order", "store_vector(maximum(load_vector(x, i), zero), out, i)",
         "store_vector(out, i, maximum(load_vector(x, i), zero))", ("`store_vector(out, i,", "`store_vector`: expected a vector")),
        ("max for maximum", "maximum(load_vector(x, i), zero)", "max(load_vector(x, i), zero)",
         ("`store_vector(max(", "`max` does not work on vectors")),
        ("tail left out", "if rest > 0:", "if rest > 10**9:",
         ("All 5 elements are wrong. They hold what was in memory before: never written",)),
    ],
    "vectorized_operations": [
        ("name misspelt", "product.sum()", "prod.sum()", ("`\"dot_product\": prod.sum(),`", "name 'prod' is not defined")),
        ("operand changed in place", "product, squares = x * y, np.square(x - y)",
         "x -= y\n    product, squares = (x + y) * y, np.square(x)",
         ("vectorized_operations changed its operand, argument 1: work on a copy",)),
        ("dtype misspelt", "x.astype(dtype, copy=False), y", "x.astype(np.flaot64), y", ("numpy has no `flaot64`",)),
        ("sum along an axis", "product.sum()", "product.sum(axis=0)",
         ("dot_product", "expected the shape (), got (4,): one number over all elements is expected")),
        ("one result forgotten", '        "element_wise_add": x + y,\n', "", ("the dict lacks element_wise_add",)),
        ("list for a dict", "    return results\n", "    return list(results.values())\n", ("expected a dict, got a list",)),
    ],
}  # fmt: skip

TYPICAL = [
    Typical(kernel, *mistake, module=of is MODULE)
    for of in (STUDENT, MODULE)
    for kernel, mistakes in of.items()
    for mistake in mistakes
]
