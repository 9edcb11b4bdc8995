"""A kernel written for one lane, and launched on a grid of them: on CPU threads, on a GPU, on its simulator.

    def double(block, lane, lanes, x, out):         what one lane does
        i = block * lanes + lane                    which number is mine?
        if i < x.size:                              the last block hangs over the edge
            out[i] = 2 * x[i]

    launch(double, blocks=40, lanes=256)(x, out)    40 blocks of 256 lanes

                     on CPU threads                            with on="cuda"
    a block          a turn of a worker's loop                 a thread block of a multiprocessor
    its lanes        the inner loop: vector instructions       threads, 32 of them in a warp
    shared           an array that stays in a near cache       shared memory
    between steps    the inner loop ends, the next begins      all threads of the block wait for each other

Without a CUDA device, on="cuda" runs Numba's simulator in a process of its own: every lane is a Python thread
there, so it is for small sizes, and for finding out whether a kernel is right.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import cgutils, types
from numba.extending import intrinsic

from tinytorch.hardware import llvm
from tinytorch.hardware.blocks import CACHE_LINE
from tinytorch.hardware.llvm import i64
from tinytorch.hardware.stream import ALWAYS, helpful_up_to
from tinytorch.hardware.threads import run_chunks

MOST_LANES = 1024
"""In a block of a GPU (NVIDIA, CUDA C++ Programming Guide, "Thread Hierarchy")."""
MOST_SIMULATED = 2**14
"""Lanes in all: the simulator starts a Python thread for each, some thousand in a second."""
ASKED_BYTES = 4096
"""The most of an array that is asked for at once. See `stream` for why, and on which CPUs."""

Steps = tuple[Callable, ...]
Shared = tuple[tuple[int, ...] | int, Any]


def launch(
    kernel: Callable | Steps,
    blocks: int,
    lanes: int,
    *,
    shared: Shared | None = None,
    workers: int | None = None,
    on: str = "cpu",
) -> Callable[..., None]:
    """A function of the kernel's arrays and numbers that runs `kernel` once for every lane of every block.

    Args:
        kernel: a plain Python function (block, lane, lanes, *arguments) that Numba can compile. It returns
            nothing and writes into its arrays; no two lanes write the same place, and no block counts on
            another's work. Or a tuple of such functions: all lanes of a block finish one before any of them
            begins the next.
        blocks: how many blocks there are, at least 0.
        lanes: in each block, at least 1; at most 1,024 for a GPU.
        shared: shape and dtype of an array that the lanes of a block have in common, in memory that is near.
            The kernel gets it before its other arguments: (block, lane, lanes, shared, *arguments). Its
            first contents are arbitrary.
        workers: at most so many CPU threads; None means `num_threads()`.
        on: "cpu" or "cuda": the CUDA device or, without one, the simulator.

    Raises:
        ValueError: a number of blocks or lanes that cannot be, or another `on`.
        TypeError: what is no kernel, or a call with more or fewer arguments than it takes.
    """
    steps: Steps = kernel if isinstance(kernel, tuple) else (kernel,)
    if blocks < 0 or lanes < 1:
        raise ValueError(f"a grid needs blocks >= 0 and lanes >= 1, not {blocks} and {lanes}")
    if on not in ("cpu", "cuda"):
        raise ValueError(f'on must be "cpu" or "cuda", not {on!r}')

    def run(*arguments: Any) -> None:
        for step in steps:
            _check_call(step, arguments, shared is not None)
        if on == "cuda":
            _on_cuda(steps, blocks, lanes, shared, arguments)
        else:
            _on_threads(steps, blocks, lanes, shared, workers, arguments)

    return run


def _check_call(step: Callable, arguments: tuple, has_shared: bool) -> None:
    function = getattr(step, "py_func", step)
    if not inspect.isfunction(function):
        raise TypeError(f"a kernel is a function of (block, lane, lanes, ...), not {step!r}")
    taken = list(inspect.signature(function).parameters)
    given = ["block", "lane", "lanes", *["shared"] * has_shared]
    if len(taken) != len(given) + len(arguments):
        raise TypeError(
            f"{function.__name__}({', '.join(taken)}) is called with ({', '.join(given)}) and "
            f"{len(arguments)} more"
        )


def _on_threads(steps: Steps, blocks: int, lanes: int, shared: Shared | None, workers, arguments) -> None:
    loop = _blocks_loop(steps)

    def some_blocks(first: int, last: int) -> None:
        memory = () if shared is None else (np.empty(*shared),)
        loop(first, last, lanes, (*memory, *arguments))

    run_chunks(some_blocks, blocks, workers)


@lru_cache(maxsize=64)
def _blocks_loop(steps: Steps) -> Callable[..., None]:
    """The compiled loop over the blocks first to last, and in each over the lanes.

    A block whose numbers all lie in the arrays runs without the kernel's test of the edge, which would become
    masks: on a Zen 5 (AMD EPYC) masked stores to 10^7 float32 took three times as long.
    """
    bodies = tuple(njit(nogil=True)(getattr(step, "py_func", step)) for step in steps)
    inner_block, edge_block = _one_block(bodies, True), _one_block(bodies, False)

    @njit(nogil=True)
    def blocks_loop(first, last, lanes, arguments):
        for block in range(first, last):
            _ask_for(arguments, (block + 1) * lanes, lanes)
            if (block + 1) * lanes <= _shortest(arguments):
                inner_block(block, lanes, arguments)
            else:
                edge_block(block, lanes, arguments)

    return blocks_loop


def _one_block(bodies: Steps, inner: bool) -> Callable[..., None]:
    """All lanes of a block through one step after the other. An `inner` block ends before the arrays do."""
    body, *others = bodies

    # A function of its own, inlined later: in the loop over the blocks LLVM makes no vectors of it.
    @njit(nogil=True)
    def one_step(block, lanes, arguments):
        for lane in range(lanes):
            if inner:
                _assume_inside(arguments, block * lanes + lane)
            body(_not_negative(block), _not_negative(lane), _not_negative(lanes), *arguments)

    if not others:
        return one_step
    rest = _one_block(tuple(others), inner)

    @njit(nogil=True)
    def all_steps(block, lanes, arguments):
        one_step(block, lanes, arguments)
        rest(block, lanes, arguments)

    return all_steps


@intrinsic
def _not_negative(typingctx, number):
    """`number`, and LLVM knows that it is at least 0: it cannot index an array from its end."""

    def codegen(context, builder, signature, args):
        _assume(builder, builder.icmp_signed(">=", args[0], i64(0)))
        return args[0]

    return types.intp(types.intp), codegen


@intrinsic
def _shortest(typingctx, arguments):
    """Numbers in the shortest of the flat arrays; 0 where there is none."""

    def codegen(context, builder, signature, args):
        sizes = _flat_sizes(context, builder, signature, args[0])
        shortest = sizes[0] if sizes else i64(0)
        for size in sizes[1:]:
            shortest = builder.select(builder.icmp_signed("<", size, shortest), size, shortest)
        return shortest

    return types.intp(arguments), codegen


@intrinsic
def _assume_inside(typingctx, arguments, index):
    """LLVM knows that every flat array has a number `index`."""

    def codegen(context, builder, signature, args):
        for size in _flat_sizes(context, builder, signature, args[0]):
            _assume(builder, builder.icmp_signed("<", args[1], size))
        return context.get_dummy_value()

    return types.void(arguments, types.intp), codegen


def _flat_sizes(context, builder, signature, arguments) -> list:
    """What `array.size` is, for every 1-D array of the arguments."""
    arrays = zip(signature.args[0], cgutils.unpack_tuple(builder, arguments), strict=True)
    return [
        context.make_array(kind)(context, builder, array).nitems
        for kind, array in arrays
        if isinstance(kind, types.Array) and kind.ndim == 1
    ]


def _assume(builder, condition) -> None:
    function_type = ir.FunctionType(ir.VoidType(), [llvm.I1])
    assume = cgutils.get_or_insert_function(builder.module, function_type, "llvm.assume")
    builder.call(assume, [condition])


@intrinsic
def _ask_for(typingctx, arguments, first, count):
    """Prefetch `count` numbers from `first` on of every flat array, if they are few; it may end before."""

    def codegen(context, builder, signature, args):
        if helpful_up_to() != ALWAYS:
            return context.get_dummy_value()
        arrays, first, count = args
        for kind, array in zip(signature.args[0], cgutils.unpack_tuple(builder, arrays), strict=True):
            if not (isinstance(kind, types.Array) and kind.ndim == 1 and kind.layout == "C"):
                continue
            start = llvm.element_pointer(context, builder, kind, array, [first])
            start = builder.bitcast(start, llvm.I8.as_pointer())
            size = builder.mul(count, i64(kind.dtype.bitwidth // 8))
            few = builder.icmp_signed("<=", size, i64(ASKED_BYTES))
            end = builder.select(few, size, i64(0))
            with cgutils.for_range_slice(builder, i64(0), end, i64(CACHE_LINE)) as (offset, _):
                llvm.prefetch(builder, builder.gep(start, [offset]))
        return context.get_dummy_value()

    return types.void(arguments, types.intp, types.intp), codegen


def cuda_device() -> str:
    """The name of the CUDA device that `on="cuda"` uses; "simulator" where there is none."""
    from numba import config, cuda

    if config.ENABLE_CUDASIM or not cuda.is_available():
        return "simulator"
    name = cuda.get_current_device().name
    return name.decode() if isinstance(name, bytes) else str(name)


def _on_cuda(steps: Steps, blocks: int, lanes: int, shared: Shared | None, arguments: tuple) -> None:
    if lanes > MOST_LANES:
        raise ValueError(f"a block of a GPU has at most {MOST_LANES:,} lanes, not {lanes:,}")
    if not blocks:
        return
    from tinytorch.hardware import gpu

    steps = tuple(getattr(step, "py_func", step) for step in steps)
    work = (steps, blocks, lanes, shared, arguments)
    results = gpu.run(*work) if cuda_device() != "simulator" else _simulated(gpu.run, work)
    for mine, theirs in zip(arguments, results, strict=True):
        if isinstance(mine, np.ndarray) and mine.flags.writeable:
            mine[...] = theirs


def _simulated(run: Callable, work: tuple) -> list:
    """`run(*work)` on the simulator. Numba chooses it when it is imported, so it has a process of its own."""
    from loky import ProcessPoolExecutor

    _, blocks, lanes, *_ = work
    if blocks * lanes > MOST_SIMULATED:
        raise ValueError(
            f"{blocks * lanes:,} lanes are too many for the simulator, which runs a Python thread for each: "
            f"at most {MOST_SIMULATED:,}"
        )
    with ProcessPoolExecutor(1, env={"NUMBA_ENABLE_CUDASIM": "1"}) as pool:
        return pool.submit(run, *work).result()
