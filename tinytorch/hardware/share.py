"""A loop whose pieces all threads share, as an instruction for `@njit` functions.

    share(mailbox, pieces, function, (x, y))         function(worker, piece, x, y) for each piece < pieces

`function` is an `@njit` function that returns nothing and writes a part of the arrays that no other piece
does. `worker` is a number, below the `members` of the call, that no other thread has meanwhile: to choose a
workspace by. `mailbox` and `members` come from `threads.helpers()`. `share` returns when all pieces are done;
if one has failed, it raises what that piece raised.
"""

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.callconv import Status
from numba.core.errors import TypingError
from numba.core.types.containers import BaseTuple
from numba.core.types.misc import unliteral
from numba.extending import intrinsic

from tinytorch.hardware import mailbox as words
from tinytorch.hardware.llvm import I64, i64

_kept: list = []
"""Compiled functions that others call by name: they must live as long."""


@intrinsic
def apart(typingctx, function, arguments):
    """function(*arguments), where `function` is an `@njit` function that returns nothing.

    An instruction for `@njit` functions, like a plain call. But a plain call takes a copy of the function
    into the caller, to compile it again there; that pays for a few lines, not for a loop over a product.
    """
    compiled, called = _compiled(typingctx, function, arguments, ())

    def codegen(context, builder, signature, values):
        given = _cast(
            context, builder, cgutils.unpack_tuple(builder, values[1]), arguments.types, called.args
        )
        context.call_internal(builder, compiled.fndesc, called, given)
        return context.get_dummy_value()

    return types.void(function, arguments), codegen


@intrinsic
def share(typingctx, mailbox, pieces, function, arguments):
    """function(worker, piece, *arguments) for each piece in range(pieces), on the threads of the mailbox.

    An instruction for `@njit` functions (see the module). With an empty mailbox the calling thread does all.
    """
    compiled, piece = _compiled(typingctx, function, arguments, (types.intp, types.intp))

    def codegen(context, builder, signature, values):
        mailbox_type, _, _, arguments_type = signature.args
        mailbox, pieces, _, arguments = values
        given = _Given(context, arguments_type)
        place = given.allocate(builder, arguments)
        task = _emit_task(context, builder.module, compiled.fndesc, piece, given)
        struct = context.make_array(mailbox_type)(context, builder, mailbox)
        with builder.if_else(builder.icmp_signed(">", struct.nitems, i64(0))) as (together, alone):
            with together:
                at = builder.ptrtoint(struct.data, I64)
                job = [builder.ptrtoint(task, I64), builder.ptrtoint(place, I64), pieces]
                words.compiled("post").call(builder, [at, *job])
                words.compiled("finish").call(builder, [at])
            with alone, cgutils.for_range(builder, pieces) as loop:
                builder.call(task, [place, i64(0), loop.index])
        given.raise_failure(builder, place)
        return context.get_dummy_value()

    return types.void(mailbox, types.intp, function, arguments), codegen


def _compiled(typingctx, function, arguments, before: tuple):
    """What Numba has compiled of a function for these arguments, and the signature of the call."""
    if not isinstance(function, types.Dispatcher) or not isinstance(arguments, BaseTuple):
        raise TypingError(f"expected an @njit function and a tuple, not {function} and {arguments}")
    plain = [unliteral(kind) for kind in arguments.types]
    called = function.get_call_type(typingctx, (*before, *plain), {})
    assert called is not None  # Numba raises where it finds no type
    compiled = function.dispatcher.overloads[tuple(called.args)]
    _kept.append(compiled)
    return compiled, called


def _cast(context, builder, values, given, wanted) -> list:
    return [context.cast(builder, *each) for each in zip(values, given, wanted, strict=True)]


class _Given:
    """What the pieces of a job are given: the arguments, and a place for the first failure."""

    FAILED, CODE, EXCEPTION, ARGUMENTS = range(4)

    def __init__(self, context, arguments_type: BaseTuple):
        self.context, self.kinds = context, arguments_type.types
        self.exception = ir.IntType(8).as_pointer()
        kinds = [I64, ir.IntType(32), self.exception, context.get_value_type(arguments_type)]
        self.type = ir.LiteralStructType(kinds)

    def allocate(self, builder, arguments):
        """On the caller's stack, which outlives the job."""
        place = cgutils.alloca_once(builder, self.type)
        builder.store(i64(0), cgutils.gep_inbounds(builder, place, 0, self.FAILED))
        builder.store(arguments, cgutils.gep_inbounds(builder, place, 0, self.ARGUMENTS))
        return builder.bitcast(place, words.BYTES)

    def part(self, builder, place, index: int):
        """The address of a part."""
        return cgutils.gep_inbounds(builder, builder.bitcast(place, self.type.as_pointer()), 0, index)

    def keep_failure(self, builder, place, status) -> None:
        """Unless another piece has failed already."""
        failed = builder.atomic_rmw("xchg", self.part(builder, place, self.FAILED), i64(1), "acq_rel")
        with builder.if_then(builder.icmp_signed("==", failed, i64(0))):
            builder.store(status.code, self.part(builder, place, self.CODE))
            exception = builder.bitcast(status.excinfoptr, self.exception)
            builder.store(exception, self.part(builder, place, self.EXCEPTION))

    def raise_failure(self, builder, place) -> None:
        """Leave the function that is being emitted with the exception that was kept, if any."""
        failed = builder.load(self.part(builder, place, self.FAILED))
        with cgutils.if_unlikely(builder, builder.icmp_signed("!=", failed, i64(0))):
            convention = self.context.call_conv
            code, exception = (
                builder.load(self.part(builder, place, part)) for part in (self.CODE, self.EXCEPTION)
            )
            kind = convention._get_excinfo_argument(builder.function).type.pointee
            parts = dict.fromkeys(Status._fields) | {
                "code": code,
                "excinfoptr": builder.bitcast(exception, kind),
            }
            convention.return_status_propagate(builder, Status(**parts))


def _emit_task(context, module: ir.Module, described, piece, given: _Given) -> ir.Function:
    """A function (`mailbox.PIECE`) that unpacks the arguments and calls the compiled function of a piece."""
    name = f"task_{len(module.functions)}"
    function = ir.Function(module, words.PIECE, module.get_unique_name(name))
    function.linkage = "internal"
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    place, worker, index = function.args
    arguments = cgutils.unpack_tuple(builder, builder.load(given.part(builder, place, given.ARGUMENTS)))
    arguments = [worker, index, *_cast(context, builder, arguments, given.kinds, piece.args[2:])]
    status, _ = context.call_internal_no_propagate(builder, described, piece, arguments)
    with cgutils.if_unlikely(builder, status.is_error):
        given.keep_failure(builder, place, status)
    builder.ret_void()
    return function
