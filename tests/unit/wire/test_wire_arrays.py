from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from junto.errors import CannotTravel, MalformedBytes
from junto.wire import value_tags
from junto.wire.codec import encode
from wire_helpers import PLAIN, forge, from_bytes, round_trip, to_bytes

CUBE = np.arange(24.0).reshape(2, 3, 4)
ARRAYS = [
    CUBE,
    CUBE.T,
    CUBE.transpose(1, 0, 2),
    CUBE[:, ::2],
    CUBE[::-1],
    CUBE[0, 0, 0:0],
    np.zeros((0, 3)),
    np.zeros((3, 0), order="F"),
    np.array(5),
    np.array("text"),
    np.array([[True, False]]),
    np.arange(3, dtype=">i4"),
    np.arange(3, dtype=">f8"),
    np.array(["a", "longer", ""]),
    np.array(["ü"], ">U3"),
    np.array([b"x", b"yz"]),
    np.array(["2020-01-01", "NaT"], "M8[D]"),
    np.array([1, 2], "m8[25us]"),
    np.array([1, 2], ">M8[ns]"),
    np.array([1 + 2j], "c8"),
    np.array([1, 2], "f2"),
    np.array([np.nan, -0.0]),
    np.broadcast_to(np.arange(3), (4, 3)),
    np.zeros((1,) * 20),
]
ARRAYS += [np.arange(4).astype(code) for code in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype.str}{array.shape}")
def test_an_array_arrives_with_dtype_shape_order_and_bits(array: Any) -> None:
    arrived = round_trip(array)
    assert type(arrived) is np.ndarray
    assert arrived.dtype == array.dtype
    assert arrived.dtype.byteorder == array.dtype.byteorder
    assert arrived.shape == array.shape
    assert arrived.tobytes() == array.tobytes()
    assert arrived.flags.writeable
    if array.flags.c_contiguous or array.flags.f_contiguous:
        assert arrived.flags.f_contiguous == array.flags.f_contiguous


def test_an_array_is_a_view_of_writable_bytes_and_a_copy_of_others() -> None:
    data = to_bytes(np.arange(100.0))
    view = from_bytes(data)
    assert np.shares_memory(view, np.frombuffer(data, np.uint8))
    frozen = bytes(data)
    copy = from_bytes(frozen)
    assert not np.shares_memory(copy, np.frombuffer(frozen, np.uint8))
    copy[0] = 7
    assert from_bytes(frozen)[0] == 0


def test_only_the_elements_of_a_slice_travel() -> None:
    whole = np.frombuffer(b"SECRET" * 100, "S6").copy()
    whole[::2] = b"public"
    assert b"SECRET" not in to_bytes(whole[::2])


@pytest.mark.parametrize(
    "scalar",
    [
        np.float64(1.5),
        np.float32("nan"),
        np.int8(-3),
        np.uint64(2**64 - 1),
        np.bool_(True),
        np.complex64(1j),
        np.str_("a\0"),
        np.bytes_(b"b\0"),
        np.datetime64("2020-01-01T00:00", "ms"),
        np.timedelta64(5, "s"),
        np.datetime64("NaT"),
    ],
)
def test_a_scalar_keeps_its_type_and_bits(scalar: Any) -> None:
    arrived = round_trip(scalar)
    assert type(arrived) is type(scalar)
    assert arrived.dtype == scalar.dtype
    assert arrived.tobytes() == scalar.tobytes()


def test_dtypes_travel() -> None:
    assert round_trip({"d": np.dtype(">f4")}) == {"d": np.dtype(">f4")}


class Sub(np.ndarray[Any, Any]):
    pass


@pytest.mark.parametrize(
    "value",
    [
        np.array([object()]),
        np.array([None, "x"], object),
        np.zeros(2, "f8,i4"),
        np.zeros(2, "V8"),
        np.array([1.0]).view(Sub),
        np.ma.masked_array([1, 2], [True, False]),
        np.rec.array([(1, 2.0)]),
        np.zeros(1, "f8,i4")[0],
        np.dtype("O"),
        np.dtype("f8,i4"),
        np.add,
        np.random.default_rng(0),
        np.longdouble(1),
        np.zeros(2, np.longdouble),
    ],
    ids=lambda value: type(value).__name__,
)
def test_objects_structures_and_subclasses_are_refused(value: Any) -> None:
    with pytest.raises(CannotTravel):
        encode(value, PLAIN)


@pytest.mark.parametrize(
    ("atoms", "buffer"),
    [
        ([value_tags.ARRAY, "<f8", False, 1, 1 << 36], b""),
        ([value_tags.ARRAY, "<f8", False, 1, 2], bytes(15)),
        ([value_tags.ARRAY, "<f8", False, 1, 2], bytes(17)),
        ([value_tags.ARRAY, "|O", False, 1, 1], bytes(8)),
        ([value_tags.ARRAY, "|V8", False, 1, 1], bytes(8)),
        ([value_tags.ARRAY, "<f8,<i4", False, 1, 1], bytes(12)),
        ([value_tags.ARRAY, "float64", False, 1, 1], bytes(8)),
        ([value_tags.ARRAY, "<U0", False, 1, 1 << 60], b""),
        ([value_tags.ARRAY, "<f8", False, 1, -1], b""),
        ([value_tags.ARRAY, "<f8", False, 65, *[1] * 65], bytes(8)),
        ([value_tags.ARRAY, "<f8", 0, 1, 1], bytes(8)),
        ([value_tags.ARRAY, "<f8", False, 3, 1 << 62, 1 << 62, 0], b""),
        ([value_tags.ARRAY, "<f8", False, 2, 1 << 62, 1 << 62], b""),
        ([value_tags.ARRAY, "|b1", False, 1, 1], b"\2"),
        ([value_tags.ARRAY, "<U1", False, 1, 1], b"\xff\xff\xff\xff"),
        ([value_tags.ARRAY, ">U1", False, 1, 1], b"\1\0\0\0"),
        ([value_tags.ARRAY, "<M8[parsec]", False, 1, 1], bytes(8)),
        ([value_tags.ARRAY, "<M8[0s]", False, 1, 1], bytes(8)),
        ([value_tags.ARRAY, "<U99999999", False, 1, 1], bytes(8)),
        ([value_tags.ARRAY_SCALAR, "<f8", 0], b""),
        ([value_tags.ARRAY_TEXT, 1.5], b""),
        ([value_tags.DTYPE, "O"], b""),
        ([value_tags.JAX_ARRAY, None], b""),
    ],
)
def test_arrays_that_lie_are_refused(atoms: list[Any], buffer: bytes) -> None:
    with pytest.raises(MalformedBytes):
        from_bytes(forge(atoms, *([buffer] if buffer else [])))


SPARSE = [
    sparse.csr_matrix,
    sparse.csc_matrix,
    sparse.coo_matrix,
    sparse.csr_array,
    sparse.csc_array,
    sparse.coo_array,
]


@pytest.mark.parametrize("kind", SPARSE)
@pytest.mark.parametrize(
    "dense", [np.eye(3)[:, :2], np.zeros((2, 5)), np.zeros((0, 4)), np.ones((3, 1), "i4")]
)
def test_a_sparse_matrix_arrives(kind: Any, dense: Any) -> None:
    arrived = round_trip(kind(dense))
    assert type(arrived) is kind
    assert arrived.dtype == dense.dtype
    np.testing.assert_array_equal(arrived.toarray(), dense)


def test_what_lies_behind_a_sparse_matrix_stays_at_home() -> None:
    matrix = sparse.csr_array((np.array([1, 2, 77]), np.array([0, 1, 0]), np.array([0, 1, 2])), shape=(2, 2))
    assert np.int64(77).tobytes() not in to_bytes(matrix)


def vector(values: list[int], dtype: str = "<i4") -> tuple[list[Any], bytes]:
    array = np.array(values, dtype)
    return [value_tags.ARRAY, dtype, False, 1, len(array)], array.tobytes()


@pytest.mark.parametrize(
    ("form", "shape", "first", "second"),
    [
        ("csr", (2, 2), [0, 2], [0, 1, 2]),
        ("csr", (2, 2), [0, -1], [0, 1, 2]),
        ("csr", (2, 2), [0], [0, 1, 2]),
        ("csr", (2, 2), [0, 1], [0, 1, 3]),
        ("csr", (2, 2), [0, 1], [0, 9, 2]),
        ("csr", (2, 2), [0, 1], [1, 1, 2]),
        ("csr", (5, 2), [0, 1], [0, 1, 2]),
        ("csc", (2, 1), [0, 1], [0, 1, 2]),
        ("coo", (2, 2), [0, 2], [0, 1]),
        ("coo", (2, 2), [0, 1], [0, -5]),
        ("coo", (2, 2), [0, 1], [0]),
        ("dia", (2, 2), [0, 1], [0, 1]),
    ],
)
def test_a_sparse_matrix_that_points_outside_of_itself_is_refused(
    form: str, shape: tuple[int, int], first: list[int], second: list[int]
) -> None:
    parts = [vector([1, 2]), vector(first), vector(second)]
    atoms = [value_tags.SPARSE, form, False, *shape, *(atom for part, _ in parts for atom in part)]
    with pytest.raises(MalformedBytes):
        from_bytes(forge(atoms, *(buffer for _, buffer in parts)))


def test_the_forged_sparse_matrix_would_be_accepted_if_it_did_not_lie() -> None:
    parts = [vector([1, 2]), vector([0, 1]), vector([0, 1, 2])]
    atoms = [value_tags.SPARSE, "csr", False, 2, 2, *(atom for part, _ in parts for atom in part)]
    assert from_bytes(forge(atoms, *(buffer for _, buffer in parts))).toarray().tolist() == [[1, 0], [0, 2]]


def test_other_sparse_formats_are_refused_at_the_sender() -> None:
    with pytest.raises(CannotTravel):
        encode(sparse.lil_matrix((2, 2)), PLAIN)


JAX_SCRIPT = """
import os
os.environ["JAX_PLATFORMS"] = "cpu"
import jax, jax.numpy as jnp, numpy as np
from junto.errors import CannotTravel, MalformedBytes
from junto.wire.codec import decode, encode
from junto.wire.policy import WirePolicy
plain = WirePolicy()
def data(value): return bytearray(b"".join(encode(value, plain).pieces))
for array in (jnp.arange(6.0).reshape(2, 3), jnp.array(3), jnp.zeros((0, 2)), jnp.ones(3, jnp.bfloat16)):
    arrived = decode(memoryview(data([array])), plain)[0]
    assert isinstance(arrived, jax.Array) and arrived.dtype == array.dtype and bool((arrived == array).all())
half = np.ones(3, jnp.bfloat16)
arrived = decode(memoryview(data(half)), plain)
assert type(arrived) is np.ndarray and arrived.dtype == half.dtype and arrived.tobytes() == half.tobytes()
for bad in (jax.random.key(0),):
    try: encode(bad, plain)
    except CannotTravel: pass
    else: raise SystemExit("a key travelled")
def traced(x):
    try: encode(x, plain)
    except CannotTravel: return x
    raise SystemExit("a tracer travelled")
jax.jit(traced)(1.0)
many = data([jax.device_put(np.ones((2, size), np.float32, order)) for size in range(4) for order in "CF"])
compiled = []
jax.monitoring.register_event_duration_secs_listener(lambda event, *_, **__: compiled.append(event))
decode(memoryview(many), plain)
assert not [event for event in compiled if "compile" in event], "each shape is compiled anew"
jax.config.update("jax_enable_x64", True)
wide = data(jnp.arange(3.0))
jax.config.update("jax_enable_x64", False)
try: decode(memoryview(wide), plain)
except MalformedBytes as error: assert "JAX_ENABLE_X64" in str(error)
else: raise SystemExit("64 bits became 32 in silence")
print("all well")
"""


@pytest.mark.slow
def test_jax_arrays_travel() -> None:
    pytest.importorskip("jax")
    ended = subprocess.run([sys.executable, "-c", JAX_SCRIPT], capture_output=True, text=True, timeout=240)
    assert ended.stdout.strip() == "all well", ended.stderr[-2000:]
