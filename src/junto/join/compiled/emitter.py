"""LLVM's intermediate code, as far as arithmetic on vectors of 64-bit lanes needs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

Vector = Any
"""A value in the compiled code: one 64-bit word in each lane."""

_WORD = ir.IntType(64)
_INDEX = ir.IntType(32)
_FIRST = ir.Constant(_WORD, 0)


class Emitter:
    """Writes one function of vectors: ``f(words*, source*, target*, stride, count)``.

    Arrays are limb-major: limb k of the vector numbered v stands at word ``k * stride + v * lanes``.

    Args:
        module: where the function goes.
        name: its name.
        lanes: 64-bit lanes of a vector.
    """

    def __init__(self, module: ir.Module, name: str, lanes: int) -> None:
        self.module, self.lanes = module, lanes
        self.type = ir.VectorType(_WORD, lanes)
        pointer = _WORD.as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer, pointer, pointer, _WORD, _WORD])
        self.function = ir.Function(module, kind, name)
        self.words, self.source, self.target, self.stride, self.count = self.function.args
        self._entry = self.function.append_basic_block()
        body = self.function.append_basic_block()
        ir.IRBuilder(self._entry).branch(body)
        self.builder = ir.IRBuilder(body)

    def constant(self, value: int) -> Vector:
        """The same word in every lane."""
        return ir.Constant(self.type, [ir.Constant(_WORD, value)] * self.lanes)

    def everywhere(self, index: Any) -> Vector:
        """Word `index` of `words`, in every lane."""
        word = self.builder.load(self.builder.gep(self.words, [index]))
        nothing = ir.Constant(self.type, ir.Undefined)
        one = self.builder.insert_element(nothing, word, ir.Constant(_INDEX, 0))
        zeros = ir.Constant(ir.VectorType(_INDEX, self.lanes), [ir.Constant(_INDEX, 0)] * self.lanes)
        return self.builder.shuffle_vector(one, nothing, zeros)

    def load(self, limbs: int, vector: Any = _FIRST) -> list[Vector]:
        """The limbs of vector number `vector` of the source."""
        return [self.builder.load(self._at(self.source, vector, limb), align=8) for limb in range(limbs)]

    def store(self, limbs: Sequence[Vector], vector: Any = _FIRST) -> None:
        """Write limbs to the target."""
        for limb, value in enumerate(limbs):
            self.builder.store(value, self._at(self.target, vector, limb), align=8)

    def loop(
        self, count: Any, values: Sequence[Vector], body: Callable[[Any, list[Vector]], Sequence[Vector]]
    ) -> list[Vector]:
        """``for index in range(count): values = body(index, values)``; `count` is at least 1."""
        count = ir.Constant(_WORD, count) if isinstance(count, int) else count
        before, head = self.builder.block, self.function.append_basic_block()
        after = self.function.append_basic_block()
        self.builder.branch(head)
        self.builder.position_at_end(head)
        index = self.builder.phi(_WORD)
        index.add_incoming(ir.Constant(_WORD, 0), before)
        held = [self.builder.phi(self.type) for _ in values]
        for phi, value in zip(held, values, strict=True):
            phi.add_incoming(value, before)
        results = list(body(index, list(held)))
        following = self.builder.add(index, ir.Constant(_WORD, 1))
        index.add_incoming(following, self.builder.block)
        for phi, value in zip(held, results, strict=True):
            phi.add_incoming(value, self.builder.block)
        self.builder.cbranch(self.builder.icmp_unsigned("<", following, count), head, after)
        self.builder.position_at_end(after)
        return results

    def call(self, name: str, limbs: Sequence[Vector], results: int, count: int = 1) -> list[Vector]:
        """Another function of the module, given these limbs; as many limbs as it stores."""
        function = self.module.globals[name]
        given, found = self._room(len(limbs)), self._room(results)
        stride, times = ir.Constant(_WORD, self.lanes), ir.Constant(_WORD, count)
        for limb, value in enumerate(limbs):
            self.builder.store(value, self._place(given, limb), align=8)
        self.builder.call(function, [self.words, given, found, stride, times])
        return [self.builder.load(self._place(found, limb), align=8) for limb in range(results)]

    def finish(self, *, inline: bool = True) -> None:
        """End the function."""
        self.builder.ret_void()
        if not inline:
            self.function.attributes.add("noinline")

    def intrinsic(self, name: str, arguments: int) -> Callable[..., Vector]:
        """A machine instruction on vectors."""
        found = self.module.globals.get(name)
        if found is None:
            kind = ir.FunctionType(self.type, [self.type] * arguments)
            found = self.module.declare_intrinsic(name, (), kind)
        return lambda *values: self.builder.call(found, values)

    def _room(self, limbs: int) -> Any:
        """Memory of the function itself; made where it begins, once."""
        start = ir.IRBuilder(self._entry)
        start.position_at_start(self._entry)
        return start.alloca(_WORD, limbs * self.lanes)

    def _place(self, array: Any, limb: int) -> Any:
        place = self.builder.gep(array, [ir.Constant(_WORD, limb * self.lanes)])
        return self.builder.bitcast(place, self.type.as_pointer())

    def _at(self, array: Any, vector: Any, limb: int) -> Any:
        builder = self.builder
        first = builder.mul(self.stride, ir.Constant(_WORD, limb))
        place = builder.add(first, builder.mul(vector, ir.Constant(_WORD, self.lanes)))
        return builder.bitcast(builder.gep(array, [place]), self.type.as_pointer())
