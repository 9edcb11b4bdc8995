"""What the code of a loop kernel may use: the names that no library computes a matrix product under.

The test of a name is what it can do under every module of `MODULES`, because a value's origin is not always
known: `x.sum` may be NumPy's, an array's or a Tensor's. So one set of names holds for all of them, and a name
belongs into it only if it is harmless in each. A course adds to it with `allow:` in module.yaml.
"""

from __future__ import annotations

import ast
import builtins
from pathlib import Path

import tinytorch


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


def public_names(package: str) -> frozenset[str]:
    """`__all__` of a package, read and not imported: what it gives to a kernel never computes a product."""
    source = (Path(tinytorch.__file__).parent / package / "__init__.py").read_text(encoding="utf-8")
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            return frozenset(ast.literal_eval(statement.value))
    raise LookupError(f"{package} has no __all__")


LOOPS = ("matmul_baseline", "cache_friendly_matmul", "quantized_matmul", "pruned_matmul")
"""The graded kernels whose exercise is to write the loops."""

TILES = words("multiply_tile multiply_quantized_tile multiply_sparse_tile scatter_sparse_tile")
"""Register tiles: for every kernel but the first, whose three loops are the exercise."""

MODULES = words(
    """
    numpy numpy.linalg numpy.random numpy.typing numpy.lib numpy.lib.stride_tricks numpy.testing
    numba numba.typed numba.types numba.core.types numba.experimental numba.extending
    scipy scipy.sparse loky threadpoolctl psutil
    math cmath random statistics fractions decimal numbers operator zlib hashlib pprint tracemalloc
    typing typing_extensions types collections collections.abc dataclasses enum abc functools itertools
    contextlib copy bisect heapq array struct textwrap re
    os sys platform time timeit.default_timer datetime warnings logging traceback gc
    io json inspect weakref pathlib tqdm tqdm.auto multiprocessing.pool
    threading queue multiprocessing concurrent concurrent.futures __future__
    tinytorch tinytorch.core tinytorch.core.tensor
    tinytorch.hardware tinytorch.hardware.cpu tinytorch.hardware.float_tile tinytorch.hardware.int8
    tinytorch.hardware.int8_tile tinytorch.hardware.sparse_tile tinytorch.hardware.stream
    tinytorch.hardware.threads tinytorch.hardware.workspace tinytorch.hardware.prefetch
    tinytorch.hardware.blocks tinytorch.hardware.half tinytorch.hardware.panels tinytorch.hardware.tile
    tinytorch.hardware.turn tinytorch.hardware.lanes tinytorch.hardware.grid tinytorch.hardware.memory
    tinytorch.hardware.operands tinytorch.hardware.pool tinytorch.hardware.product
    tinytorch.hardware.int8_product tinytorch.hardware.pruned tinytorch.hardware.scales
    """
)
"""Modules that a kernel may import, or import names of `NAMES` from."""

STAR_SAFE = MODULES - {"numba.extending"} | {"matplotlib.pyplot", "pylab", "matplotlib.pylab"}
"""Modules whose `import *` gives a name of a kernel no meaning that matters here."""

BY_TEXT = {"getattr": 3, "wraps": 1, "update_wrapper": 2}
"""Functions that look up parts by their names' text, and how many arguments show which parts those are."""

BUILTINS = words(
    """
    abs all any ascii bin bool bytearray bytes callable chr classmethod complex dict divmod enumerate filter
    float format frozenset hasattr hash hex id int isinstance issubclass iter len list map max memoryview min
    next object oct ord pow print property range repr reversed round set slice sorted staticmethod str sum
    super tuple type zip Ellipsis NotImplemented __name__ __debug__ __doc__ display getattr
    """
) | {
    name for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
}  # fmt: skip
"""Python's own names; `getattr` only with the name written out."""

_NUMPY = """
    abs absolute add all allclose alltrue amax amin any append apply_along_axis apply_over_axes arange argmax
    argmin argpartition argsort argwhere around array array2string array_equal array_equiv array_repr
    array_split array_str asanyarray asarray asarray_chkfinite ascontiguousarray asfortranarray astype
    atleast_1d atleast_2d atleast_3d bitwise_and bitwise_count bitwise_or bitwise_xor bitwise_not
    bitwise_left_shift bitwise_right_shift block bool bool_ broadcast broadcast_arrays broadcast_shapes
    broadcast_to byte bytes_ can_cast cbrt ceil character choose clip column_stack complex64 complex128
    complexfloating compress concat concatenate conj conjugate copy copysign copyto count_nonzero cumprod
    cumsum deg2rad delete diag diag_indices diagflat diagonal diff digitize divide divmod double dsplit dstack
    dtype e ediff1d empty empty_like equal errstate euler_gamma exp exp2 expand_dims expm1 extract eye fabs
    fill_diagonal finfo fix flatiter flatnonzero flexible flip fliplr flipud float16 float32 float64 float128
    floating float_power floor floor_divide fmax fmin fmod frexp frombuffer fromfunction fromiter frompyfunc
    full full_like gcd generic geomspace geterr get_printoptions greater greater_equal half heaviside hsplit
    hstack hypot identity iinfo imag index_exp indices inexact inf insert int8 int16 int32 int64 int_ intc
    integer intersect1d intp invert isclose isfinite isfortran isin isinf isnan isneginf isposinf isreal
    isscalar issubdtype ix_ lcm ldexp left_shift less less_equal lexsort linspace log log10 log1p log2
    logaddexp logical_and logical_not logical_or logical_xor logspace long longdouble longlong mask_indices
    max maximum may_share_memory mean median meshgrid mgrid min minimum min_scalar_type mod modf moveaxis
    multiply nan nan_to_num nanmax nanmean nanmedian nanmin nanprod nanstd nansum nanvar ndarray ndenumerate
    ndim ndindex nditer negative newaxis nextafter nonzero not_equal number object_ ogrid ones ones_like outer
    packbits pad partition percentile pi place positive power printoptions prod promote_types ptp put
    put_along_axis putmask quantile rad2deg ravel ravel_multi_index real reciprocal remainder repeat
    require reshape resize result_type right_shift rint roll rollaxis round row_stack s_ searchsorted select
    set_printoptions setdiff1d seterr setxor1d shape shares_memory short sign signbit signedinteger sin cos
    tan sinh cosh tanh single size sort spacing split sqrt square squeeze stack std sum swapaxes take
    take_along_axis tile trace transpose tri tril tril_indices triu triu_indices trim_zeros true_divide trunc
    ubyte ufunc uint uint8 uint16 uint32 uint64 uintc uintp ulonglong union1d unique unpackbits
    unravel_index unsignedinteger ushort var vectorize void vsplit vstack where zeros zeros_like float_
    finfo tiny smallest_normal smallest_subnormal eps resolution bits nmant
    reduce accumulate at reduceat nin nout identity types
    linalg random lib stride_tricks as_strided sliding_window_view typing ArrayLike DTypeLike NDArray
    testing assert_allclose assert_array_equal assert_equal assert_array_almost_equal
    False_ True_ angle arccos arccosh arcsin arcsinh arctan arctan2 arctanh base_repr binary_repr
    bincount bitwise_invert cdouble clongdouble common_type complex256 cumulative_prod cumulative_sum device
    dtypes gradient interp iscomplex iscomplexobj isdtype isnat isrealobj
    iterable logaddexp2 matrix_transpose nanargmax nanargmin nancumprod nancumsum nanpercentile nanquantile
    nargs ntypes permute_dims piecewise real_if_close rot90 sinc str_ subtract timedelta64 to_device
     tril_indices_from triu_indices_from diag_indices_from unique_counts unique_inverse
    unique_values unique_all unstack 
    default_rng Generator RandomState seed rand randn randint random_sample standard_normal normal uniform
    integers choice shuffle permutation random permuted binomial poisson exponential
"""

_VALUES = """
    T mT shape dtype ndim size nbytes itemsize strides flags flat real imag base data view fill item itemset
    tolist tobytes flatten byteswap newbyteorder setflags sum prod cumsum cumprod mean std var min max argmin
    argmax all any ptp clip round trace diagonal repeat take put sort argsort partition searchsorted nonzero
    compress choose squeeze swapaxes transpose ravel reshape resize astype copy conj conjugate
    c_contiguous f_contiguous contiguous forc fnc fortran writeable aligned owndata behaved carray farray
    kind char num name names fields str descr isbuiltin isnative byteorder alignment subdtype type base
    operands index multi_index iternext value finished
    indices indptr nnz has_sorted_indices has_canonical_format sort_indices sum_duplicates eliminate_zeros
    sorted_indices tocsr tocsc tocoo toarray todense tolil todok tobsr todia getnnz count_nonzero row col
    coords format getformat get_shape maxprint
    grad numpy csr csc coo setdiag set_shape asformat prune metadata typename random_array
    issparse isspmatrix isspmatrix_csr isspmatrix_csc sparse sparray csr_array csc_array coo_array bsr_array
    lil_array dok_array dia_array csr_matrix csc_matrix coo_matrix spmatrix
"""

_NUMBA = """
    njit jit prange vectorize guvectorize stencil jitclass generated typed types typeof List Dict from_dtype
    boolean b1 void none intp uintp int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64
    i1 i2 i4 i8 u1 u2 u4 u8 f4 f8 c8 c16 complex64 complex128 Array Tuple UniTuple unicode_type optional
    set_num_threads get_num_threads get_thread_id threading_layer literal_unroll literally experimental
    register_jitable py_func signatures nopython_signatures compile inspect_types inspect_llvm inspect_asm
    parallel_diagnostics empty_inferred push_back
"""

_PYTHON = """
    acos acosh asin asinh atan atan2 atanh comb degrees erf erfc expm1 fabs factorial floor fmod frexp
    fsum fma gamma gcd hypot inf isclose isfinite isinf isnan isqrt lcm ldexp lgamma log modf nan perm pi prod
    radians remainder tau trunc ulp nextafter cmath pow ceil sqrt exp
    abs add and_ concat contains countOf delitem eq floordiv ge getitem gt iadd iand iconcat ifloordiv
    ilshift imod imul index indexOf inv invert ior ipow irshift is_ is_not isub itemgetter itruediv ixor le
    length_hint lshift lt mod mul ne neg not_ or_ pos rshift setitem sub truediv truth xor
    append extend insert remove pop clear count reverse popleft appendleft extendleft rotate maxlen
    get items keys values setdefault update popitem fromkeys move_to_end most_common elements total
    discard union intersection difference symmetric_difference issubset issuperset isdisjoint
    intersection_update difference_update symmetric_difference_update
    median stdev pstdev quantiles choices sample gauss triangular
    isclass isfunction ismethod getsource StringIO BytesIO loads dumps indent Path exists ref
    WeakValueDictionary tqdm trange
    isalnum isspace islower isupper isnumeric isdecimal swapcase expandtabs rsplit translate maketrans
    join lower upper strip lstrip rstrip startswith endswith replace find rfind partition rpartition
    splitlines title capitalize zfill ljust rjust center encode decode isdigit isalpha isidentifier format
    casefold format_map removeprefix removesuffix hex from_bytes to_bytes bit_length bit_count is_integer
    as_integer_ratio fromhex numerator denominator conjugate limit_denominator
    accumulate batched chain combinations combinations_with_replacement compress cycle dropwhile
    filterfalse from_iterable groupby islice pairwise permutations product repeat starmap takewhile tee
    zip_longest
    partial partialmethod reduce wraps update_wrapper lru_cache cache cached_property cmp_to_key
    singledispatch singledispatchmethod total_ordering cache_clear cache_info register func args keywords
    OrderedDict defaultdict namedtuple deque Counter ChainMap UserDict UserList maps new_child
    _replace _asdict _fields _make
    dataclass field fields asdict astuple replace KW_ONLY InitVar make_dataclass is_dataclass
    Enum IntEnum IntFlag Flag auto StrEnum unique value
    ABC ABCMeta abstractmethod
    Any Annotated Callable ClassVar Concatenate Final Generic Iterable Iterator Literal NamedTuple NewType
    NoReturn Never Optional ParamSpec Protocol Self Sequence Mapping MutableMapping MutableSequence Hashable
    Sized Container Collection Generator SupportsFloat SupportsIndex SupportsInt Tuple Type TypeAlias
    TypeVar TypedDict Union TYPE_CHECKING cast final override runtime_checkable no_type_check
    assert_never reveal_type Reversible Awaitable Coroutine AsyncIterator Text Set FrozenSet
    SimpleNamespace MappingProxyType ModuleType NoneType FunctionType EllipsisType GenericAlias UnionType
    Number Real Integral Rational Complex Fraction Decimal
    contextmanager nullcontext suppress closing ExitStack redirect_stdout enter_context callback
    deepcopy bisect bisect_left bisect_right insort insort_left insort_right heappush heappop heapify
    heappushpop heapreplace merge nlargest nsmallest typecode buffer_info pack unpack pack_into unpack_from
    calcsize Struct iter_unpack dedent indent
    cpu_count process_cpu_count sched_getaffinity environ getenv getpid path name linesep sep
    maxsize platform byteorder version version_info float_info int_info getsizeof stderr stdout write flush
    implementation hexversion
    machine processor python_version sysconf
    crc32 adler32 sha1 sha256 sha512 md5 blake2b digest hexdigest pprint pformat get_traced_memory reset_peak
    perf_counter perf_counter_ns process_time process_time_ns monotonic monotonic_ns time time_ns sleep
    thread_time strftime now timedelta total_seconds isoformat
    warn warn_explicit simplefilter filterwarnings catch_warnings resetwarnings
    getLogger debug info warning error exception critical log basicConfig DEBUG INFO WARNING ERROR setLevel
    isEnabledFor NullHandler StreamHandler FileHandler Formatter setFormatter handlers filters addHandler
    print_exc format_exc
    collect disable enable isenabled freeze
    Thread Lock RLock Event Condition Semaphore BoundedSemaphore Barrier Timer local current_thread start
    acquire release locked wait notify notify_all is_set is_alive active_count get_ident daemon
    Queue SimpleQueue LifoQueue PriorityQueue put get_nowait put_nowait task_done qsize empty Empty Full
    Pool Process shutdown submit result exception done cancel cancelled add_done_callback as_completed
    ThreadPoolExecutor ProcessPoolExecutor Executor Future map imap imap_unordered starmap apply apply_async
    map_async close terminate futures FIRST_COMPLETED FIRST_EXCEPTION ALL_COMPLETED ThreadPool
    get_reusable_executor threadpool_limits virtual_memory available
    concurrent multiprocessing threading collections abc functools itertools math
    add_note with_traceback with_name send throw setter getter deleter mro start stop step
    match fullmatch search sub compile group groups findall annotations
    __name__ __doc__ __init__ __call__ __len__ __iter__ __next__ __enter__ __exit__ __getitem__ __setitem__
    __contains__ __post_init__ __new__ __module__ __qualname__ __version__ __abs__ __add__ __radd__ __iadd__
    __sub__ __rsub__ __neg__ __float__ __int__ __index__ __bool__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__
    __hash__ __repr__ __str__ __format__ __array__ __annotations__ __notes__ __cause__ __context__
"""

_TINYTORCH = """
    Tensor as_array tensor core hardware
    cpu CPU caches num_threads one_thread panel_buffer run_chunks helpers share apart set_num_threads
    pieces_of_product worthwhile_members streaming tile_shape
    multiply_tile multiply_quantized_tile multiply_sparse_tile scatter_sparse_tile sparse_tile_width
    on_cache_lines quantized_tile QuantizedTile sparse_depth
    finish_panel release_tiles weight_panels MAX_INT32_DEPTH int8_paths machine_code
    half_relu
    REAL_NUMBERS real_numbers widths computing_dtypes check_int64 check_product at_least_one contiguous
    fitting peak_memory worker_pool BlockedProduct part_of
    columns row_major Int8Product PackedWeights quantizable
    step_of LIMIT Q_ROWS Q_COLS Q_GROUP Q_OFFSET PrunedProduct PrunedWeights of memory operands pool
    product int8_product pruned scales lanes grid
    blocks half panels tile turn
    int8 int8_tile float_tile sparse_tile stream threads workspace prefetch
    rows cols group offset depth_step panel_bytes a_dtype b_dtype path vendor features cores
"""

NAMES = words(" ".join((_NUMPY, _VALUES, _NUMBA, _PYTHON, _TINYTORCH))) | public_names("hardware")
"""Attributes, methods and importable names that a kernel may use, whatever they are looked up on."""

SPARSE_ARRAYS = words(
    "csr_array csc_array coo_array bsr_array lil_array dok_array dia_array sparray random_array issparse "
    "isspmatrix isspmatrix_csr isspmatrix_csc"
)
"""All of `scipy.sparse` that surely makes no older matrix: `hstack`, `eye`, `random`, ... do."""
SPARSE_MATRICES = frozenset({"csr_matrix", "csc_matrix", "coo_matrix", "spmatrix"})
"""SciPy's older classes: their `*` and `**` are matrix products, so beside them these are refused:"""
MULTIPLIES = words(
    "multiply mul imul prod nanprod cumprod pow ipow power float_power square outer reduce accumulate "
    "reduceat at todense"
)
