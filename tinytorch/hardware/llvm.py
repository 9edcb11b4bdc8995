"""A few words of LLVM that the register tiles share: typed constants, vectors in memory, array elements."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target

from tinytorch.hardware.blocks import MASKED_LOAD_BYTES
from tinytorch.hardware.target import target_registers

I1, I8, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))


@dataclass(frozen=True)
class SharedFunction:
    """A compiled function that others call by its address, and the library that keeps it in memory."""

    library: JITCodeLibrary
    address: int
    type: ir.FunctionType

    def call(self, builder, arguments) -> None:
        """Emit a call."""
        builder.call(builder.inttoptr(i64(self.address), self.type.as_pointer()), arguments)


_shared: dict[Hashable, SharedFunction] = {}


@global_compiler_lock
def shared_function(key: Hashable, emit: Callable[[ir.Module, str], ir.Function]) -> SharedFunction:
    """The function that `emit` puts into a module: compiled by itself, once in a process.

    Every kernel that uses a tile calls the same one by its address, so that its own compilation stays short.
    The address holds as long as the process, which is why kernels are never cached on disk.
    """
    if key not in _shared:
        name = f"shared_{len(_shared)}"
        module = ir.Module(name)
        function = emit(module, name)
        function.linkage = "external"
        library = cpu_target.target_context.codegen().create_library(name)
        library.add_ir_module(module)
        library.finalize()
        _shared[key] = SharedFunction(library, library.get_pointer_to_function(name), function.ftype)
    return _shared[key]


def shared_code(caller: str) -> str:
    """The assembly of the shared functions whose addresses occur in the assembly of their caller."""
    called = (shared.library for shared in _shared.values() if str(shared.address) in caller)
    return "\n".join(library.get_asm_str() for library in called)


def i64(value: int) -> ir.Constant:
    return ir.Constant(I64, value)


def zeros(vector: ir.VectorType) -> ir.Constant:
    """A vector of zeros."""
    zero = 0 if isinstance(vector.element, ir.IntType) else 0.0
    return ir.Constant(vector, [zero] * vector.count)


def load(builder, pointer, vector: ir.VectorType, align: int):
    """Load a vector from where `pointer` (to anything) points; `align` is what is known of it, in bytes."""
    value = builder.load(builder.bitcast(pointer, vector.as_pointer()))
    value.align = align
    return value


def store(builder, value, pointer, align: int) -> None:
    """Store a vector where `pointer` (to anything) points."""
    builder.store(value, builder.bitcast(pointer, value.type.as_pointer())).align = align


def has_masked_loads() -> bool:
    """Whether a vector can be loaded through a mask in one instruction."""
    return target_registers().bytes >= MASKED_LOAD_BYTES


def masked_load(builder, pointer, vector: ir.VectorType, align: int, mask=None):
    """Load the lanes of a vector that `mask` has (all, without one); the others are zeros and not touched."""
    if mask is None:
        return load(builder, pointer, vector, align)
    pointer = builder.bitcast(pointer, vector.as_pointer())
    return _masked(builder, "load", vector, vector, [pointer, align, mask, zeros(vector)])


def masked_store(builder, value, pointer, align: int, mask=None) -> None:
    """Store the lanes of a vector that `mask` has (all, without one); memory of the others is not touched."""
    if mask is None:
        return store(builder, value, pointer, align)
    pointer = builder.bitcast(pointer, value.type.as_pointer())
    return _masked(builder, "store", value.type, ir.VoidType(), [value, pointer, align, mask])


def _masked(builder, operation: str, vector: ir.VectorType, returns, arguments: list):
    """Call `llvm.masked.load` or `llvm.masked.store`; an integer among the arguments is the alignment."""
    arguments = [ir.Constant(I32, value) if isinstance(value, int) else value for value in arguments]
    element = "f" if not isinstance(vector.element, ir.IntType) else "i"
    name = f"llvm.masked.{operation}.v{vector.count}{element}{8 * size_of(vector.element)}.p0"
    function_type = ir.FunctionType(returns, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), arguments)


def size_of(element: ir.Type) -> int:
    """Bytes of a number: an integer, a float or a double."""
    if isinstance(element, ir.IntType):
        return element.width // 8
    return 4 if element == ir.FloatType() else 8


def splat(builder, scalar, lanes: int):
    """A vector whose every lane is `scalar` (a broadcast)."""
    vector = ir.VectorType(scalar.type, lanes)
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(I32, 0))
    return builder.shuffle_vector(first, undefined, zeros(ir.VectorType(I32, lanes)))


def prefetch(builder, pointer, *, write: bool = False, level: int = 1) -> None:
    """Ask for the cache line under `pointer` to come to the cache of the first (or second) level."""
    byte = I8.as_pointer()
    arguments = [byte, I32, I32, I32]
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(ir.VoidType(), arguments), "llvm.prefetch.p0"
    )
    constants = [ir.Constant(I32, value) for value in (int(write), 4 - level, 1)]
    builder.call(function, [builder.bitcast(pointer, byte), *constants])


def element_pointer(context, builder, array_type: types.Array, array, indices):
    """The address of `array[indices]`, without bounds checks and without touching a reference count."""
    array = context.make_array(array_type)(context, builder, array)
    shape = cgutils.unpack_tuple(builder, array.shape)
    strides = cgutils.unpack_tuple(builder, array.strides)
    indices = [*indices, *[i64(0)] * (array_type.ndim - len(indices))]
    return cgutils.get_item_pointer2(
        context, builder, array.data, shape, strides, array_type.layout, indices, wraparound=False
    )


def open_loop(builder, first, end, starts: list, step: int):
    """Begin a loop over first, first + step, ... below `end` that carries values, `starts` at first.

    Returns the index, the values as a list, and the function that closes the loop: given their new values, it
    returns what they are after the loop.
    """
    before = builder.block
    loop, after = builder.append_basic_block("loop"), builder.append_basic_block("after")
    builder.cbranch(builder.icmp_signed("<", first, end), loop, after)
    builder.position_at_end(loop)
    index, *carried = (builder.phi(value.type) for value in (first, *starts))

    def close(values: list) -> list:
        following, last = builder.add(index, i64(step)), builder.block
        _keep_rolled(builder.cbranch(builder.icmp_signed("<", following, end), loop, after))
        builder.position_at_end(after)
        results = [builder.phi(value.type) for value in starts]
        index.add_incoming(first, before)
        index.add_incoming(following, last)
        for phi, result, start, value in zip(carried, results, starts, values, strict=True):
            for place in (phi, result):
                place.add_incoming(start, before)
                place.add_incoming(value, last)
        return results

    return index, list(carried), close


def _keep_rolled(branch) -> None:
    """Tell LLVM not to unroll the loop that this branch closes: it would only compile longer."""
    module = branch.parent.module
    option = module.add_metadata([ir.MetaDataString(module, "llvm.loop.unroll.disable")])
    loop = module.add_metadata([option])
    loop.operands = (loop, option)  # LLVM knows a loop's node by its naming itself
    branch.set_metadata("llvm.loop", loop)


def add(builder, x, y):
    """x + y, of integers or of floats."""
    element = getattr(x.type, "element", x.type)
    return builder.add(x, y) if isinstance(element, ir.IntType) else builder.fadd(x, y)


def multiply_add(builder, x, y, z):
    """x * y + z on vectors: one FMA where the target has it, else two steps (`llvm.fma` calls a library)."""
    if isinstance(x.type.element, ir.IntType):
        return builder.add(builder.mul(x, y), z)
    name = f"llvm.fmuladd.v{x.type.count}{'f32' if x.type.element == ir.FloatType() else 'f64'}"
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(x.type, [x.type] * 3), name)
    return builder.call(function, [x, y, z])
