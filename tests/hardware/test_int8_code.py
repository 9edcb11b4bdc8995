"""The machine code of every int8 path, whether this CPU can run it or not, and AMX on an emulated unit."""

import ctypes
from dataclasses import replace

import llvmlite.binding as llvm
import numpy as np
import pytest
from int8_oracle import exact, multiplier, random_operands
from llvmlite import ir
from numba.core import cgutils

from tinytorch.hardware import int8_amx
from tinytorch.hardware.int8_amx import amx_tile
from tinytorch.hardware.int8_neon import neon_tile
from tinytorch.hardware.int8_portable import portable_tile
from tinytorch.hardware.int8_vnni import vnni_tile
from tinytorch.hardware.target import RegisterFile


def assembly(tile, triple, cpu):
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    module = ir.Module()
    module.triple = triple
    tile.function(module, "tile").linkage = "external"
    if tile.emit_release:
        release = ir.Function(module, ir.FunctionType(ir.VoidType(), []), "release")
        builder = ir.IRBuilder(release.append_basic_block())
        tile.emit_release(builder)
        builder.ret_void()
    machine = llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, opt=3)
    return machine.emit_assembly(llvm.parse_assembly(str(module)))


@pytest.mark.parametrize(
    "tile, triple, cpu, instruction",
    [
        (amx_tile(), "x86_64-linux", "sapphirerapids", "tdpbssd"),
        (vnni_tile("avx512vnni", 64), "x86_64-linux", "icelake-server", "vpdpbusd"),
        (vnni_tile("avxvnni", 32), "x86_64-linux", "alderlake", "vpdpbusd"),
        (neon_tile(), "aarch64-linux", "neoverse-n1", "sdot"),
        (neon_tile(), "arm64-apple-macosx", "apple-m1", "sdot"),
        (portable_tile(RegisterFile(32, 64)), "x86_64-linux", "skylake-avx512", "vpmaddwd"),
        (portable_tile(RegisterFile(16, 32)), "x86_64-linux", "haswell", "vpmaddwd"),
        (portable_tile(RegisterFile(16, 16)), "x86_64-linux", "x86-64", "pmaddwd"),
        (portable_tile(RegisterFile(32, 16)), "aarch64-linux", "cortex-a72", "smull"),
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "path", None),
)
def test_each_path_compiles_to_the_instruction_it_is_about(tile, triple, cpu, instruction):
    assert instruction in assembly(tile, triple, cpu)


class TileUnit:
    """AMX as its manual describes it, in NumPy: eight registers of 16 rows of 64 bytes, once configured."""

    def __init__(self):
        self.configured = False
        self.registers = np.full((8, 16, 64), 77, np.uint8)

    def xgetbv(self, which):
        return int(self.configured) << 17

    def ldtilecfg(self, address):
        settings = ctypes.string_at(address, 64)
        assert (
            settings[0] == 1 and settings[16:32:2] == bytes([64] * 8) and settings[48:56] == bytes([16] * 8)
        )
        self.configured = True
        self.registers[:] = 0

    def tilerelease(self):
        self.configured = False

    def tilezero(self, register):
        self.registers[register] = 0

    def tileloadd64(self, register, address, stride):
        assert self.configured
        rows = [np.frombuffer(ctypes.string_at(address + r * stride, 64), np.uint8) for r in range(16)]
        self.registers[register] = rows

    def tilestored64(self, register, address, stride):
        for r, row in enumerate(self.registers[register]):
            ctypes.memmove(address + r * stride, row.tobytes(), 64)

    def tdpbssd(self, c, a, b):
        """C[m, n] += sum over k and the four bytes of A[m, k] * B[k, n]."""
        left = self.registers[a].view(np.int8).reshape(16, 64).astype(np.int32)
        right = self.registers[b].view(np.int8).reshape(16, 16, 4).transpose(0, 2, 1).reshape(64, 16)
        self.registers[c].view(np.int32)[:] += left @ right.astype(np.int32)


@pytest.fixture
def unit(monkeypatch):
    """The tile unit of this test; the AMX path's instructions call it."""
    unit = TileUnit()
    kinds = {8: ctypes.c_uint8, 32: ctypes.c_int32, 64: ctypes.c_int64}
    callbacks = []

    def call(builder, name, *arguments, returns=int8_amx.VOID):
        given = [
            ctypes.c_void_p if isinstance(argument.type, ir.PointerType) else kinds[argument.type.width]
            for argument in arguments
        ]
        result = None if returns is int8_amx.VOID else kinds[returns.width]
        callbacks.append(ctypes.CFUNCTYPE(result, *given)(getattr(unit, name)))
        symbol = f"emulated.{name}.{id(unit)}.{len(callbacks)}"
        llvm.add_symbol(symbol, ctypes.cast(callbacks[-1], ctypes.c_void_p).value)
        function_type = ir.FunctionType(returns, [argument.type for argument in arguments])
        return builder.call(cgutils.get_or_insert_function(builder.module, function_type, symbol), arguments)

    monkeypatch.setattr(int8_amx, "_call", call)
    yield unit
    callbacks.clear()


@pytest.fixture
def emulated(unit, request):
    """The AMX tile under a name of its own, so that no test runs code which calls another one's unit."""
    return replace(amx_tile(), path=f"amx in {request.node.name}")


def test_amx_multiplies_on_an_emulated_unit(unit, emulated):
    product = multiplier(emulated)
    for sizes in ((1, 1, 1), (32, 64, 32), (33, 65, 31), (70, 200, 40)):
        A, B = random_operands(*sizes)
        C = np.full((sizes[0], sizes[2]), 9, np.int32)
        np.testing.assert_array_equal(product(A, B, C), exact(A, B))
        np.testing.assert_array_equal(product(A, B, C, accumulate=True), 2 * exact(A, B))
    assert unit.configured


def test_amx_configures_a_unit_that_was_released(unit, emulated):
    product = multiplier(emulated)
    A, B = random_operands(32, 64, 32)
    for _ in range(2):
        product(A, B, np.empty((32, 32), np.int32))
        unit.tilerelease()
    np.testing.assert_array_equal(product(A, B, np.empty((32, 32), np.int32)), exact(A, B))
