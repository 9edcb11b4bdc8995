"""The register tile that every product is made of: one scheme for floats and for 8-bit integers.

                                a panel of B    steps x cols
                                +---------------------+
                                |                     |
                         step p | b b b b b b b b b b |   one row: a few vector loads
      a panel of A              |                     |
      rows x steps              +---------------------+
      +-----------------+       +---------------------+
      |        a        |       |                     |
      |        a        |  -->  |  += a . b, a . b .. |   every a meets every b: rows x cols
      |        a        |       |      tile of C      |   products for rows + cols loads
      +-----------------+       +---------------------+
           step p, broadcast

The tile of C stays in vector registers from the first step to the last. What a step multiplies is up to the
scheme: a number of each row of A with one of each column of B (floats), or four of each (int8). Everything
else is the same, and stands here: the walk along the depth, what is asked of the caches meanwhile, and the
edges of C, where fewer rows and columns are left than a tile has. There the last rows are computed again in
place of those that are missing, and a mask keeps the last vector inside C.

It is the micro-kernel of Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008),
and of BLIS, written in LLVM's generic vectors: the same code becomes AVX-512, AVX2 or NEON.
"""

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir
from numba.core import cgutils

from tinytorch.hardware import llvm, prefetch
from tinytorch.hardware.blocks import CACHE_LINE
from tinytorch.hardware.llvm import I1, I64, i64

BYTES = llvm.I8.as_pointer()


@dataclass(frozen=True)
class Operands:
    """A call of a tile as LLVM values: where its parts begin, and strides in bytes.

    `a_next` is the panel of A that comes after this one. `starts` is a line of first values of the sums,
    used by schemes that have one. `height` and `width` are what is left of C below and to the right.
    """

    a: ir.Value
    a_row: ir.Value
    a_next: ir.Value
    b: ir.Value
    b_step: ir.Value
    starts: ir.Value
    c: ir.Value
    c_row: ir.Value
    steps: ir.Value
    accumulate: ir.Value
    height: ir.Value
    width: ir.Value
    walk: prefetch.Walk

    TYPES = (BYTES, I64, BYTES, BYTES, I64, BYTES, BYTES, I64, I64, I1, I64, I64, *prefetch.WALK_TYPES)

    @classmethod
    def of(cls, arguments) -> "Operands":
        """From a function's arguments, which are of these `TYPES`."""
        *parts, start, step, length, stride = arguments
        values = [*parts, prefetch.Walk(start, step, length, stride)]
        return cls(*values)

    def arguments(self) -> list[ir.Value]:
        """As a function's arguments."""
        *parts, walk = (getattr(self, name) for name in self.__dataclass_fields__)
        return [*parts, *walk]


@dataclass(frozen=True)
class Scheme:
    """What one step multiplies, and how large a tile is.

    `rows` x `vectors` registers of `lanes` numbers of the type `sums` are computed at once. A step reads an
    `a` of each row, and `vectors` vectors of B; `multiply_add(builder, a, b, sum)` gives the new sum, where
    `a` is that of a row, broadcast over the lanes. `starts`: the sums of a row begin with a line of numbers
    instead of zeros. `asks`: while it computes, it asks the caches for what comes next; `walks`: for what
    comes after this panel of B, too.
    """

    name: str
    rows: int
    vectors: int
    lanes: int
    a: ir.Type
    sums: ir.Type
    multiply_add: Callable[..., ir.Value]
    starts: bool = False
    asks: bool = True
    walks: bool = True

    @property
    def vector(self) -> ir.VectorType:
        return ir.VectorType(self.sums, self.lanes)

    @property
    def size(self) -> int:
        """Bytes of a sum, and of what a lane of B holds."""
        return llvm.size_of(self.sums)

    @property
    def heights(self) -> tuple[int, ...]:
        """Rows of the tiles that are compiled: with a few small ones little is computed twice at an edge."""
        return (*(height for height in (1, 2, 4, 8) if height < self.rows), self.rows)


def tile_function(module: ir.Module, name: str, scheme: Scheme) -> ir.Function:
    """tile(`Operands`): calls the smallest register tile that covers what is left of C.

    Whole tiles load B as it is. The others load its last vector through a mask, where the target has such
    loads, so that a row of B may end there (`blocks.in_place_depth`).
    """
    function, builder = internal_function(module, name)
    given = Operands.of(function.args)
    height, width = _minimum(builder, given.height, scheme.rows), given.width
    whole = builder.icmp_signed(">=", width, i64(scheme.vectors * scheme.lanes))
    with builder.if_then(whole, likely=True):
        _call_for(builder, scheme, height, scheme.vectors, given, masked=False)
    for vectors in range(1, scheme.vectors + 1):
        with builder.if_then(builder.icmp_signed("<=", width, i64(vectors * scheme.lanes))):
            _call_for(builder, scheme, height, vectors, given, masked=True)
    builder.unreachable()
    return function


def _call_for(builder, scheme, height, vectors: int, given: Operands, *, masked: bool) -> None:
    """Call the register tile that covers `height` rows, and return."""
    for rows in reversed(scheme.heights):
        kernel = register_tile(builder.module, scheme, rows, vectors, masked)
        smaller = max((other for other in scheme.heights if other < rows), default=0)
        with builder.if_then(builder.icmp_signed(">", height, i64(smaller))):
            builder.call(kernel, given.arguments(), tail=True)  # of the same arguments: a jump
            builder.ret_void()
    builder.ret_void()


def register_tile(module: ir.Module, scheme: Scheme, rows: int, vectors: int, masked: bool) -> ir.Function:
    """The tile of one size. With `masked` its last vector is cut at the edge of C."""
    name = f"{scheme.name}_{rows}x{vectors}{'_masked' if masked else ''}"
    function, builder = internal_function(module, name)
    given = Operands.of(function.args)
    a_rows = _rows(builder, given.a, given.a_row, rows, given.height)
    c_rows = _rows(builder, given.c, given.c_row, rows, given.height)
    bytes_wide = scheme.lanes * scheme.size
    mask = _mask(builder, scheme, vectors, given.width) if masked else None
    asks_on = scheme.asks and prefetch.pays()
    close_by = prefetch.close_by(builder, given, rows, vectors * bytes_wide, scheme.size, scheme.walks)
    if scheme.asks:
        for c_row in c_rows:  # the tile of C arrives from afar while the loop runs
            for offset in range(0, vectors * bytes_wide, CACHE_LINE):
                llvm.prefetch(builder, builder.gep(c_row, [i64(offset)]), write=True)

    def line(start) -> list:
        """A row of a panel of B, or of first sums."""
        places = [builder.gep(start, [i64(v * bytes_wide)]) for v in range(vectors)]
        masks = [None] * (vectors - 1) + [mask if llvm.has_masked_loads() else None]
        return [
            llvm.masked_load(builder, place, scheme.vector, scheme.size, bits)
            for place, bits in zip(places, masks, strict=True)
        ]

    def step(p, b_row, sums: list) -> list:
        for address in close_by(p) if asks_on else []:
            llvm.prefetch(builder, address)
        b_vectors, added = line(b_row), []
        a_offset = builder.mul(p, i64(llvm.size_of(scheme.a)))
        for r, a_row in enumerate(a_rows):
            place = builder.bitcast(builder.gep(a_row, [a_offset]), scheme.a.as_pointer())
            number = builder.load(place)
            number.align = 1
            a = llvm.splat(builder, number, scheme.lanes)
            for v, b in enumerate(b_vectors):
                added.append(scheme.multiply_add(builder, a, b, sums[r * vectors + v]))
        return added

    starts = line(given.starts) if scheme.starts else [llvm.zeros(scheme.vector)] * vectors
    accumulate = _on_a_walk if asks_on and scheme.walks else _straight_on
    sums = accumulate(builder, given, step, starts * rows)
    places = [builder.gep(c_row, [i64(v * bytes_wide)]) for c_row in c_rows for v in range(vectors)]
    masks = ([None] * (vectors - 1) + [mask]) * rows
    with builder.if_then(builder.not_(given.accumulate)):
        _store(builder, sums, places, masks, scheme.size)
        builder.ret_void()
    olds = [
        llvm.masked_load(builder, place, scheme.vector, scheme.size, bits)
        for place, bits in zip(places, masks, strict=True)
    ]  # all before the first store: a row that is computed twice must not be added to itself
    totals = [llvm.add(builder, old, total) for old, total in zip(olds, sums, strict=True)]
    _store(builder, totals, places, masks, scheme.size)
    builder.ret_void()
    return function


def _store(builder, values: list, places: list, masks: list, size: int) -> None:
    for value, place, mask in zip(values, places, masks, strict=True):
        llvm.masked_store(builder, value, place, size, mask)


def _rows(builder, start, stride, rows: int, height) -> list:
    """Where so many rows begin; those past `height` begin where the last one does."""
    found = [start]
    for r in range(1, rows):
        inside = builder.icmp_signed("<", i64(r), height)
        found.append(builder.gep(found[-1], [builder.select(inside, stride, i64(0))]))
    return found


def _mask(builder, scheme: Scheme, vectors: int, width):
    """Which lanes of the last vector lie left of the edge of C."""
    left = builder.sub(width, i64((vectors - 1) * scheme.lanes))
    kind = ir.IntType(8 * scheme.size)
    lanes = ir.Constant(ir.VectorType(kind, scheme.lanes), list(range(scheme.lanes)))
    left = builder.trunc(left, kind) if kind != I64 else left
    return builder.icmp_signed("<", lanes, llvm.splat(builder, left, scheme.lanes))


def _on_a_walk(builder, given: Operands, step: Callable, sums: list) -> list:
    """Emit the loop over the steps: a stretch of the walk, then as many steps."""
    carried = [given.walk.start, i64(0), given.b, *sums]
    first, (row, walked, b_row, *sums), end_stretch = llvm.open_loop(
        builder, i64(0), given.steps, carried, prefetch.STRETCH
    )
    farther = prefetch.walk_on(builder, given.walk, row, walked)
    last = _minimum(builder, builder.add(first, i64(prefetch.STRETCH)), given.steps)
    p, (b_row, *sums), end_step = llvm.open_loop(builder, first, last, [b_row, *sums], 1)
    sums = step(p, b_row, sums)
    _, _, _, *sums = end_stretch([*farther, *end_step([builder.gep(b_row, [given.b_step]), *sums])])
    return sums


def _straight_on(builder, given: Operands, step: Callable, sums: list) -> list:
    """Emit the loop over the steps, and nothing else."""
    p, (b_row, *sums), close = llvm.open_loop(builder, i64(0), given.steps, [given.b, *sums], 1)
    _, *sums = close([builder.gep(b_row, [given.b_step]), *step(p, b_row, sums)])
    return sums


def _minimum(builder, x, y):
    y = i64(y) if isinstance(y, int) else y
    return builder.select(builder.icmp_signed("<", x, y), x, y)


def internal_function(module: ir.Module, name: str) -> tuple[ir.Function, ir.IRBuilder]:
    """A new function of this module that takes `Operands`, and a builder at its first block."""
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), Operands.TYPES), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    return function, ir.IRBuilder(function.append_basic_block("entry"))


def shape_and_strides(context, builder, array_type, array) -> tuple[list, list]:
    """The lengths of an array and its strides in bytes, as LLVM values."""
    struct = context.make_array(array_type)(context, builder, array)
    return cgutils.unpack_tuple(builder, struct.shape), cgutils.unpack_tuple(builder, struct.strides)
