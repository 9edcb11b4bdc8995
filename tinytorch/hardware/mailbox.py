"""How threads share the pieces of a job without Python's lock: a few words of memory and the code for them.

    word     | number of the job | pieces left |     one integer, so that both change at once
    job      function, its arguments, pieces in all, members
    done     pieces that are finished

Whoever has time takes the next piece: it reads `word` and the job, and lowers `word` by one *if nobody has
changed it since* (compare and swap). Success proves that the job read is the one the piece belongs to, since
its number never comes again; so no thread has to be waited for, except one that has taken a piece. A slow
core takes fewer pieces, and one that comes too late takes none.

The code is emitted in LLVM and called through ctypes, which lets go of Python's lock for as long.
"""

import ctypes
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
from llvmlite import ir
from numba.core import cgutils

from tinytorch.hardware.blocks import CACHE_LINE
from tinytorch.hardware.llvm import I1, I8, I32, I64, SharedFunction, i64, shared_function

BYTES = I8.as_pointer()
VOID = ir.VoidType()
PIECE = ir.FunctionType(VOID, [BYTES, I64, I64])
"""A job's function: (its arguments, worker, piece)."""
PieceFromPython = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
"""The same as a Python function, which takes Python's lock for as long as it runs."""

LINE = 2 * CACHE_LINE // 8
"""Words between parts that different threads write: CPUs fetch lines in pairs."""
WORD, JOB, DONE, LENGTH = 0, LINE, 2 * LINE, 3 * LINE
FUNCTION, ARGUMENTS, PIECES, MEMBERS = range(JOB, JOB + 4)
LEFT_BITS = 32
NO_HELPERS = np.empty(0, np.int64)
"""The mailbox of a thread that works alone."""
YIELD_EVERY = 32
"""Looks into the mailbox between two offers of the core to other threads: about two microseconds."""


def new_mailbox() -> np.ndarray:
    """An empty mailbox: int64 words, the first of them at the beginning of a cache line."""
    memory = np.zeros(LENGTH + LINE, np.int64)
    skipped = -memory.ctypes.data % (8 * LINE) // 8
    return memory[skipped : skipped + LENGTH]


def pieces_left(mailbox: np.ndarray) -> int:
    """Pieces of the current job that nobody has taken yet."""
    return int(mailbox[WORD]) & (2**LEFT_BITS - 1)


def compiled(name: str) -> SharedFunction:
    """One of the functions of a mailbox, compiled once in a process; all arguments are 64-bit integers.

    post(mailbox, function, arguments, pieces)   put up a job. The one before it must be finished
    finish(mailbox)                              take pieces as worker 0, and return when all are done
    attend(mailbox, worker, looks)               take pieces of every job, until there was none for so many
                                                 looks; no pieces for a worker that is not below `members`
    """
    return shared_function(("mailbox", name), _EMIT[name])


@cache
def callable_from_python(name: str) -> Callable[..., None]:
    """The same, without Python's lock."""
    function = compiled(name)
    return ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * len(function.type.args))(function.address)


def _function(module: ir.Module, name: str, count: int) -> tuple[ir.Function, ir.IRBuilder]:
    function = ir.Function(module, ir.FunctionType(VOID, [I64] * count), name)
    return function, ir.IRBuilder(function.append_basic_block("entry"))


def word_pointer(builder, mailbox, word: int):
    """Where a word of the mailbox (an address as an integer) lies."""
    return builder.inttoptr(builder.add(mailbox, i64(8 * word)), I64.as_pointer())


def _left(builder, word):
    return builder.and_(word, i64(2**LEFT_BITS - 1))


def _emit_post(module: ir.Module, name: str) -> ir.Function:
    function, builder = _function(module, name, 4)
    mailbox, *job = function.args
    for word, value in zip((FUNCTION, ARGUMENTS, PIECES), job, strict=True):
        builder.store(value, word_pointer(builder, mailbox, word))
    builder.store(i64(0), word_pointer(builder, mailbox, DONE))
    place = word_pointer(builder, mailbox, WORD)
    number = builder.add(builder.lshr(builder.load(place), i64(LEFT_BITS)), i64(1))
    builder.store_atomic(builder.or_(builder.shl(number, i64(LEFT_BITS)), job[-1]), place, "seq_cst", 8)
    builder.ret_void()
    return function


def _emit_attend(module: ir.Module, name: str) -> ir.Function:
    function, builder = _function(module, name, 3)
    mailbox, worker, looks = function.args
    take = _emit_take(module, f"{name}_take")
    idle = cgutils.alloca_once_value(builder, i64(0))
    with _while(builder, lambda: builder.icmp_signed("<", builder.load(idle), looks)):
        took = builder.call(take, [mailbox, worker])
        _pause(builder)
        builder.store(builder.select(took, i64(0), builder.add(builder.load(idle), i64(1))), idle)
    builder.ret_void()
    return function


def _emit_finish(module: ir.Module, name: str) -> ir.Function:
    function, builder = _function(module, name, 1)
    (mailbox,) = function.args
    take = _emit_take(module, f"{name}_take")
    with _while(builder, lambda: builder.call(take, [mailbox, i64(0)])):
        pass
    pieces = builder.load(word_pointer(builder, mailbox, PIECES))
    done = word_pointer(builder, mailbox, DONE)
    looked = cgutils.alloca_once_value(builder, i64(0))
    with _while(builder, lambda: builder.icmp_signed("<", builder.load_atomic(done, "acquire", 8), pieces)):
        _pause(builder)
        _offer_core(builder, builder.load(looked))
        builder.store(builder.add(builder.load(looked), i64(1)), looked)
    builder.ret_void()
    return function


def _emit_take(module: ir.Module, name: str) -> ir.Function:
    """take(mailbox, worker): take a piece and do it; whether the job has more or had this one."""
    function = ir.Function(module, ir.FunctionType(I1, [I64, I64]), name)
    function.linkage = "internal"
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    mailbox, worker = function.args
    place = word_pointer(builder, mailbox, WORD)
    word = builder.load_atomic(place, "seq_cst", 8)
    left = _left(builder, word)
    job, arguments, pieces, members = (
        builder.load_atomic(word_pointer(builder, mailbox, at), "monotonic", 8)
        for at in (FUNCTION, ARGUMENTS, PIECES, MEMBERS)
    )
    some = builder.icmp_signed(">", left, i64(0))
    with builder.if_then(builder.not_(builder.and_(some, builder.icmp_signed("<", worker, members)))):
        builder.ret(ir.Constant(I1, 0))
    swapped = builder.cmpxchg(place, word, builder.sub(word, i64(1)), "seq_cst", "seq_cst")
    with builder.if_then(builder.extract_value(swapped, 1)):
        call = builder.inttoptr(job, PIECE.as_pointer())
        builder.call(call, [builder.inttoptr(arguments, BYTES), worker, builder.sub(pieces, left)])
        builder.atomic_rmw("add", word_pointer(builder, mailbox, DONE), i64(1), "acq_rel")
    builder.ret(ir.Constant(I1, 1))
    return function


@contextmanager
def _while(builder, condition: Callable[[], ir.Value]) -> Iterator[None]:
    """Emit a loop around what is emitted inside; the condition is emitted before it."""
    test, body, after = (builder.append_basic_block(name) for name in ("test", "body", "after"))
    builder.branch(test)
    builder.position_at_end(test)
    builder.cbranch(condition(), body, after)
    builder.position_at_end(body)
    yield
    builder.branch(test)
    builder.position_at_end(after)


def _pause(builder) -> None:
    """Wait some nanoseconds."""
    machine = platform.machine().lower()
    if machine in ("x86_64", "amd64"):
        _call_intrinsic(builder, "llvm.x86.sse2.pause")
    elif machine in ("aarch64", "arm64"):
        _call_intrinsic(builder, "llvm.aarch64.isb", ir.Constant(I32, 15))


def _offer_core(builder, looks) -> None:
    """Now and then let another thread have the core: perhaps the one that is waited for."""
    if yield_address():
        turn = builder.and_(looks, i64(YIELD_EVERY - 1))
        with builder.if_then(builder.icmp_signed("==", turn, i64(YIELD_EVERY - 1))):
            kind = ir.FunctionType(I32, []).as_pointer()
            builder.call(builder.inttoptr(i64(yield_address()), kind), [])


def _call_intrinsic(builder, name: str, *arguments) -> None:
    kind = ir.FunctionType(VOID, [argument.type for argument in arguments])
    builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


@cache
def yield_address() -> int:
    """The address of the system's function that lets another thread have the core; 0 where none is known."""
    if sys.platform == "win32":
        function = getattr(ctypes.WinDLL("kernel32"), "SwitchToThread", None)
    else:
        function = getattr(ctypes.CDLL(None), "sched_yield", None)
    return ctypes.cast(function, ctypes.c_void_p).value or 0 if function else 0


_EMIT = {"post": _emit_post, "finish": _emit_finish, "attend": _emit_attend}
