"""Attacks on the pickle opt-in. Each payload would set a flag or claim memory; none is harmful."""

from __future__ import annotations

import copyreg
import pickle
import struct
import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import foreign_types as ft
from junto.errors import MalformedBytes
from junto.wire import value_tags
from junto.wire.policy import WirePolicy
from wire_helpers import forge, from_bytes

GUIDE = {"numpy.core.numeric": ("*",), "numpy": ("dtype",)}
WIDE = WirePolicy(
    pickle={
        **GUIDE,
        "numpy._core.numeric": ("*",),
        "numpy._core.multiarray": ("*", "_reconstruct", "scalar"),
        "pandas": ("*",),
        "numpy": ("*", "dtype", "ndarray"),
        "foreign_types": ("*", "getter", "os", "functools", "Array", "frames"),
        "builtins": ("*", "eval", "exec", "getattr", "__import__", "type", "bytearray", "list"),
        "operator": ("*", "attrgetter", "methodcaller", "itemgetter"),
        "functools": ("*", "partial", "reduce"),
        "copyreg": ("*", "_reconstructor", "__newobj__", "add_extension"),
        "importlib": ("*", "import_module"),
        "os": ("*", "system", "getpid"),
        "posix": ("*", "getpid"),
        "sys": ("*",),
        "subprocess": ("*", "Popen"),
        "types": ("*", "FunctionType", "CodeType"),
        "pickle": ("*", "loads"),
        "ctypes": ("*", "CDLL"),
        "_codecs": ("*", "encode"),
        "collections": ("*", "namedtuple"),
        "codecs": ("*",),
        "numpy.testing": ("*",),
        "junto.wire.machine": ("*", "part", "resolve"),
        "__main__": ("*",),
    }
)
FT = "foreign_types"


@pytest.fixture(autouse=True)
def nothing_ran() -> Iterator[None]:
    ft.RAN.clear()
    yield
    assert ft.RAN == []


def text(value: str) -> bytes:
    data = value.encode()
    return b"\x8c" + bytes([len(data)]) + data


def name(module: str, attribute: str) -> bytes:
    return text(module) + text(attribute) + b"\x93"


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + b"(" + b"".join(arguments) + b"tR"


def load(body: bytes, policy: WirePolicy = WIDE, parts: tuple[Any, ...] = (), protocol: int = 5) -> Any:
    data = b"\x80" + bytes([protocol]) + body + b"."
    return from_bytes(forge([value_tags.PICKLE, len(data), len(parts), *parts], data), policy)


def refused(body: bytes, policy: WirePolicy = WIDE, protocol: int = 5) -> None:
    with pytest.raises(MalformedBytes):
        load(body, policy, protocol=protocol)


MODEL = name(FT, "Model") + b")\x81"


def test_the_hand_made_pickles_are_well_made() -> None:
    assert load(b"K\x05") == 5
    assert type(load(MODEL)) is ft.Model
    assert load(call(name(FT, "Model"), b"K\x07")).weights == 7
    assert load(MODEL + b"}" + text("weights") + b"K\x08sb").weights == 8


@pytest.mark.parametrize(
    ("module", "attribute"),
    [
        ("numpy.core.numeric", "builtins.eval"),
        ("numpy._core.numeric", "builtins.eval"),
        (FT, "os.getpid"),
        ("numpy.core.numeric", "sys.modules"),
        ("pandas", "io.common.os.getpid"),
        (FT, "Model.__init__"),
        ("numpy", "testing._private.utils.runstring"),
        ("numpy", "dtype.__subclasses__"),
        (FT, "Model.limit"),
        ("fed._private", "message_queue.logging.os.getpid"),
        ("posixpath", "os.getpid"),
        (FT, "flag.__globals__"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_dotted_names(module: str, attribute: str, protocol: int) -> None:
    refused(call(name(module, attribute), text("1")), protocol=protocol)
    refused(f"c{module}\n{attribute}\n(tR".encode(), protocol=protocol)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_the_old_global_and_inst_opcodes(protocol: int) -> None:
    refused(f"c{FT}\nModel\n)\x81".encode(), protocol=protocol)
    refused(f"(K\x01i{FT}\nModel\n".encode(), protocol=protocol)
    refused(b"(" + name(FT, "Model") + b"K\x01o", protocol=protocol)


@pytest.mark.parametrize(
    ("module", "attribute"),
    [
        ("numpy.core.numeric", "builtins"),
        ("numpy.core.numeric", "sys"),
        ("numpy.core.numeric", "operator"),
        ("numpy.core.numeric", "fromfunction"),
        ("numpy.core.numeric", "ones"),
        ("numpy.core.numeric", "_frombuffer"),
        ("pandas", "eval"),
        ("pandas", "read_pickle"),
        ("pandas", "ExcelWriter"),
        ("pandas", "DataFrame"),
        (FT, "os"),
        (FT, "sys"),
        (FT, "functools"),
        (FT, "operator"),
        (FT, "getter"),
        (FT, "OrderedDict"),
        (FT, "flag"),
        (FT, "rebuild"),
        (FT, "generator"),
        (FT, "np"),
        (FT, "RAN"),
        (FT, "frames"),
        (FT, "Any"),
        (FT, "__builtins__"),
        (FT, "__loader__"),
        (FT, "Meta"),
        (FT, "Array"),
        (FT, ""),
        (FT, "*"),
        ("", "Model"),
        ("*", "Model"),
        (FT + ".Model", "limit"),
        ("tests." + FT, "Model"),
    ],
)
def test_a_wildcard_gives_the_classes_of_its_module_and_nothing_else(module: str, attribute: str) -> None:
    refused(name(module, attribute))


def test_an_exact_entry_does_not_open_what_is_refused_by_kind() -> None:
    listed = [(module, attribute) for module, names in (WIDE.pickle or {}).items() for attribute in names]
    for module, attribute in listed:
        if attribute != "*" and module not in (FT, "junto.wire.machine"):
            refused(name(module, attribute))
    refused(name("junto.wire.machine", "resolve"))
    for attribute in ("getter", "os", "functools", "Array", "frames"):
        refused(name(FT, attribute))


@pytest.mark.parametrize(
    ("module", "attribute", "argument"),
    [
        ("operator", "attrgetter", "__globals__"),
        ("operator", "methodcaller", "__subclasses__"),
        ("builtins", "getattr", "x"),
        ("functools", "partial", "x"),
        ("builtins", "eval", "1"),
        ("builtins", "type", "x"),
        ("importlib", "import_module", "antigravity"),
        ("builtins", "__import__", "antigravity"),
        ("copyreg", "_reconstructor", "x"),
        ("_codecs", "encode", "x"),
        ("collections", "namedtuple", "x"),
    ],
)
def test_callables_that_reach_attributes_or_import(module: str, attribute: str, argument: str) -> None:
    refused(call(name(module, attribute), text(argument)))


def test_the_extension_cache() -> None:
    copyreg.add_extension(FT, "flag", 240)
    try:
        warm = pickle.dumps(ft.flag, protocol=2)
        assert pickle.loads(warm) is ft.flag
        for opcode in (b"\x82\xf0", b"\x83\xf0\0", b"\x84\xf0\0\0\0"):
            refused(call(opcode))
    finally:
        copyreg.remove_extension(FT, "flag", 240)


@pytest.mark.parametrize("body", [b"P1\n", b"K\x01Q", text("x") + b"Q"])
def test_persistent_ids(body: bytes) -> None:
    refused(body)


def test_build_on_a_class() -> None:
    refused(name(FT, "Model") + b"}" + text("limit") + b"K\x63sb")
    refused(name(FT, "Model") + b"N}" + text("limit") + b"K\x63s\x86b")
    assert ft.Model.limit == 10


@pytest.mark.parametrize("attribute", ["__class__", "__dict__", "__call__", "__setstate__", "__reduce_ex__"])
def test_build_with_double_underscores(attribute: str) -> None:
    refused(MODEL + b"}" + text(attribute) + name(FT, "Slots") + b"sb")
    refused(MODEL + b"N}" + text(attribute) + name(FT, "Slots") + b"s\x86b")


def test_build_on_what_was_not_made_here() -> None:
    for target in (b"]", b"}", b")", b"K\x01", text("x"), b"N"):
        refused(target + b"}" + text("a") + b"K\x01sb")
    refused(MODEL + b"]b")
    refused(MODEL + b"}K\x01K\x01sb")


def test_build_does_not_run_a_property() -> None:
    trap = name(FT, "Settable") + b")\x81"
    assert "trap" in vars(load(trap + b"}" + text("trap") + b"K\x01sb"))


def test_only_what_was_resolved_can_be_called() -> None:
    instance = call(name(FT, "Callable"), text("x"))
    refused(call(instance, text("argument")))
    for target in (b"K\x01", text("eval"), b"]", b"N"):
        refused(call(target))
        refused(target + b")\x81")
        refused(target + b")}\x92")


def test_only_containers_made_here_can_be_filled() -> None:
    refused(MODEL + b"K\x01a")
    refused(name(FT, "Model") + text("limit") + b"K\x01s")
    refused(MODEL + b"(K\x01\x90")
    refused(text("x") + b"(K\x01e")
    assert load(name(FT, "Row") + b")\x81(K\x01K\x02e") == [1, 2]


def test_parts_are_reached_by_their_number_only() -> None:
    part = name("junto.wire.machine", "part")
    assert load(call(part, b"K\x00"), parts=("sent",)) == "sent"
    for argument in (b"K\x01", b"J\xff\xff\xff\xff", text("0"), b"N", b"\x88"):
        with pytest.raises(MalformedBytes):
            load(call(part, argument), parts=("sent",))
    refused(call(part))
    refused(part + b"}b")
    refused(part + b")\x81")
    with pytest.raises(MalformedBytes):
        load(name(FT, "Model") + b"}" + text("weights") + call(part, b"K\x00") + b"sb", parts=("sent",))


@pytest.mark.parametrize(
    "body",
    [
        call(name("numpy", "ndarray"), struct.pack("<BQ", 0x8A, 8)[:1] + b"\x05\0\0\0\0\x10\x85"),
        call(
            name("numpy._core.multiarray", "_reconstruct"),
            name("numpy", "ndarray"),
            b"\x8a\x05\0\0\0\0\x10\x85",
            b"C\x01b",
        ),
        call(
            name("numpy.core.numeric", "_frombuffer"),
            b"C\x00",
            text("f8"),
            b"\x8a\x05\0\0\0\0\x10\x85",
            text("C"),
        ),
        call(name("numpy.core.numeric", "ones"), b"\x8a\x05\0\0\0\0\x10"),
        call(name("builtins", "bytearray"), b"\x8a\x05\0\0\0\0\x10"),
        call(name("builtins", "bytes"), b"\x8a\x05\0\0\0\0\x10"),
        call(name(FT, "Blob"), b"\x8a\x05\0\0\0\0\x10"),
        name(FT, "Blob") + b"\x8a\x05\0\0\0\0\x10\x85\x81",
        name(FT, "Array") + b"\x8a\x05\0\0\0\0\x10\x85\x81",
        b"\x8e" + struct.pack("<Q", 1 << 40),
        b"\x8d" + struct.pack("<Q", 1 << 40),
        b"\x96" + struct.pack("<Q", 1 << 40),
        b"B" + struct.pack("<I", 1 << 31),
        b"X" + struct.pack("<I", 1 << 31),
        b"\x8b" + struct.pack("<i", 1 << 30),
        b"\x95" + struct.pack("<Q", 1 << 62) + b"N",
        b"r" + struct.pack("<I", 1 << 31),
        b"Nr\xff\xff\xff\x7f",
        b"I" + b"9" * 100_000 + b"\n",
        b"L" + b"9" * 100_000 + b"L\n",
    ],
)
def test_a_few_bytes_that_ask_for_gigabytes(body: bytes) -> None:
    tracemalloc.start()
    try:
        refused(body)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_a_size_in_place_of_contents() -> None:
    part = call(name("junto.wire.machine", "part"), b"K\x00")
    parts = (value_tags.RANGE, value_tags.INT, 0, value_tags.INT, 1 << 40, value_tags.INT, 1)
    for body in (call(name(FT, "Row"), part), name(FT, "Row") + part + b"\x85\x81"):
        data = b"\x80\x05" + body + b"."
        with pytest.raises(MalformedBytes, match="size in place"):
            from_bytes(forge([value_tags.PICKLE, len(data), 1, *parts], data), WIDE)
    for body in (call(name(FT, "Blob"), b"M\xff\xff"), name(FT, "Blob") + b"M\xff\xff\x85\x81"):
        with pytest.raises(MalformedBytes, match="size in place"):
            load(body)


def test_build_on_a_part_such_as_an_array() -> None:
    part = call(name("junto.wire.machine", "part"), b"K\x00")
    for state in (b"(K\x01)NNNt", b"}", b"N"):
        data = b"\x80\x05" + part + state + b"b."
        array = [value_tags.ARRAY, "<f8", False, 1, 2]
        with pytest.raises(MalformedBytes, match="no instance of a listed class"):
            from_bytes(forge([value_tags.PICKLE, len(data), 1, *array], data, bytes(16)), WIDE)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"N" * 3,
        b"(",
        b"(N",
        b"0",
        b"1",
        b"a",
        b"e",
        b"s",
        b"u",
        b"b",
        b"R",
        b"\x81",
        b"\x92",
        b"\x93",
        b"\x94",
        b"h\x05",
        b"j\x05\0\0\0",
        b"t",
        b"\x85",
        b"\x86",
        b"\x87",
        b"\x90",
        b"\x91",
        b"\x97",
        b"N\x98",
        b"2",
        b"N2",
        b"](K\x01K\x02u",
        b"}(K\x01u",
        b"}]Ns",
        b"\x8f(]\x90",
        b"(]\x91",
        b"K\x01K\x02\x93",
        b"N.N",
    ],
)
def test_programs_that_make_no_sense(body: bytes) -> None:
    refused(body)


def test_a_deep_pickle_does_not_recurse() -> None:
    value = load(b"]" * 50_000 + b"a" * 49_999)
    for _ in range(50_000):
        value = value.pop() if value else value
    refused(b"(" * 50_000)


def test_real_picklers_output_with_arrays_is_refused() -> None:
    """What another product's peer would send: numpy's own reduction."""
    for protocol in range(6):
        data = pickle.dumps(ft.Model(np.arange(3.0)), protocol=protocol)
        with pytest.raises(MalformedBytes):
            from_bytes(forge([value_tags.PICKLE, len(data), 0], data), WIDE)
