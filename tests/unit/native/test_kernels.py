"""The kernels in C: equal to their twins at each level, and not called with what would lead them astray."""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import native_rows
from junto.mpc.lattice import negacyclic
from junto.mpc.lattice.residues import PRIMES, moduli
from junto.native import Kernels, MaskedNumbers, SeedTree, compiling, kernels, library, threads
from junto.native.array_pointers import PAIR

there = library.loaded().library
compiled = pytest.mark.skipif(there is None, reason=library.status())
LEVELS = native_rows.levels(there)


@pytest.mark.parametrize("name", native_rows.ROWS)
@pytest.mark.parametrize("each", LEVELS, ids=lambda each: f"level {each.level}")
def test_a_kernel_gives_what_its_twin_gives(each, name):
    native_rows.compare(each, name)


def test_each_kernel_has_a_twin():
    assert {name for name, _ in inspect.getmembers(Kernels, inspect.isfunction) if name[0] != "_"} == set(
        native_rows.ROWS
    )


@compiled
def test_a_machine_is_not_asked_for_instructions_that_it_lacks():
    for level in (-1, len(LEVELS)):
        with pytest.raises(ValueError, match="this machine has level"):
            Kernels(there, level)


WORD = np.zeros((4, 4), np.uint64)
UNALIGNED = np.zeros(8 * 16 + 1, np.uint8)[1:].view(np.uint64).reshape(4, 4)
UNWRITTEN = np.zeros((4, 4), np.uint64)
UNWRITTEN.flags.writeable = False


@compiled
@pytest.mark.parametrize(
    ("a", "b", "out", "error"),
    [
        (WORD.astype(np.int64), WORD, WORD, TypeError), (WORD.astype(">u8"), WORD, WORD, TypeError),
        ([[1]], WORD, WORD, TypeError), (WORD[0], WORD, WORD, ValueError),
        (WORD[:, :3], WORD, WORD, ValueError),
        (WORD, WORD, WORD[:3], ValueError), (WORD, WORD, UNALIGNED, ValueError),
        (WORD[None], WORD, WORD, ValueError), (WORD[None], WORD[None], WORD, ValueError),
        (np.stack([WORD] * 2), np.stack([WORD] * 3), np.stack([WORD] * 2), ValueError),
        (WORD, WORD, UNWRITTEN, ValueError), (WORD, WORD, np.zeros((4, 8), np.uint64)[:, ::2], ValueError),
    ],
)  # fmt: skip
def test_what_a_kernel_must_not_see_is_refused(a, b, out, error):
    with pytest.raises(error):
        kernels().matmul_into(a, b, out)


PAIRS = np.zeros((4, 4), PAIR)
APART = np.zeros(16 * 16 + 1, np.uint8)[1:].view(PAIR).reshape(4, 4)


@compiled
def test_pairs_of_words_that_a_kernel_must_not_see_are_refused():
    each, fixed = kernels(), np.zeros((4, 4), PAIR)
    fixed.flags.writeable = False
    for act in (each.wide_matmul_into, each.wide_add_into, each.wide_subtract_into, each.wide_multiply_into):
        for x in (WORD, PAIRS.astype([("high", "<u8"), ("low", "<u8")]), np.zeros((4, 4), np.complex128)):
            for given in ((x, PAIRS, PAIRS), (PAIRS, x, PAIRS), (PAIRS, PAIRS, x)):
                with pytest.raises(TypeError, match="pairs of words"):
                    act(*given)
        for given in (
            (PAIRS[:3, :3], PAIRS, PAIRS), (PAIRS, PAIRS, PAIRS[:3]), (PAIRS, PAIRS, fixed),
            (PAIRS, PAIRS, APART), (PAIRS, PAIRS, np.zeros((4, 8), PAIR)[:, ::2]),
        ):  # fmt: skip
            with pytest.raises(ValueError, match=r"broadcast|put into|after the other"):
                act(*given)
    for act in (each.wide_left_shift_into, each.wide_right_shift_into, each.wide_signed_shift_into):
        for x, out in ((PAIRS[:1, :1], PAIRS), (PAIRS, PAIRS[:3]), (PAIRS[0, :1], PAIRS[0])):
            with pytest.raises(ValueError, match="cannot be shifted"):
                act(x, 1, out)
    for act in (each.wide_matmul_into, each.wide_add_into, each.wide_subtract_into, each.wide_multiply_into):
        got, want = np.ones((4, 4), PAIR), np.ones((4, 4), PAIR)
        for x, out in ((APART, got), (PAIRS, want)):
            act(x, x, out)
        assert (got == want).all()  # what may not be read where it lies is copied


@compiled
def test_planes_and_numbers_that_do_not_fit_are_refused():
    each, x = kernels(), np.zeros(65, np.uint64)
    for act in (
        lambda: each.planes(x, 65), lambda: each.planes(x, -1), lambda: each.planes(WORD, 3),
        lambda: each.unplanes(np.zeros((64, 1), np.uint64), x), lambda: each.unplanes(WORD, x[::-1]),
        lambda: each.unplanes(np.zeros((65, 2), np.uint64), x), lambda: each.unplanes(WORD, WORD),
        lambda: each.unplanes(np.zeros((64, 1), np.uint64), np.broadcast_to(np.uint64(0), 64)),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"wanted|64 bits|put"):
            act()


@pytest.mark.skipif(not LEVELS or not LEVELS[-1].has_aes, reason="there is no AES in this machine")
def test_keys_and_inputs_of_other_sizes_are_refused():
    each, x, three = kernels(), np.zeros((8, 2), np.uint64), np.array([3], np.uint8)
    for act in (
        lambda: each.hashes(bytes(15), x, x[0], 0, 0), lambda: each.hashes(bytes(16), x, x[:, 0], 0, 0),
        lambda: each.hashes(bytes(16), x.T, x[0], 1, 0), lambda: each.hashes(bytes(16), x, x[0], -1, 0),
        lambda: each.keystream(bytes(15), 0, 1), lambda: each.keystream(bytes(16), -1, 1),
        lambda: each.keystream(bytes(16), 0, -1), lambda: LEVELS[0].keystream(bytes(16), 0, 1),
        lambda: each.leaf_sums(x, three, False, 0, WORD),
        lambda: each.leaf_sums(x, three, False, -1, WORD[:3]),
        lambda: each.leaf_sums(x, three, False, 0, WORD[:3, ::2]),
        lambda: each.leaf_sums(np.zeros((512, 2), x.dtype), three * 3, False, 0, np.zeros((9, 4), x.dtype)),
        lambda: LEVELS[0].hashes(bytes(16), x, x[0], 0, 0),
        lambda: LEVELS[0].leaf_sums(x, three, False, 0, WORD[:3]),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"hashes|sums|keystream"):
            act()


@compiled
def test_trees_that_do_not_fit_are_refused():
    p, dealt, mixed = (np.zeros((rows, 2), np.uint64) for rows in (4, 15, 15))
    for tree, flags in [
        (SeedTree(p, None, dealt[:7], None, True), (True, True)),
        (SeedTree(p, p, dealt, None, True), (True, True)),
        (SeedTree(p, p, dealt[:, :1], mixed, True), (True, True)),
        (SeedTree(p, p, dealt, mixed[1:], True), (True, True)),
        (SeedTree(p, p, dealt, mixed, True), (True, False)),
        (SeedTree(p, p, dealt[:7], mixed, True), (False, False)),
        (SeedTree(p[:3], None, dealt, None, True), (True, True)),
    ]:
        with pytest.raises(ValueError, match="prefixes"):
            kernels().prefixes(tree, generate=flags[0], propagate=flags[1])


@compiled
def test_waves_that_do_not_fit_are_refused():
    each, x, dealt, factors = (
        kernels(),
        np.zeros(5, np.uint64),
        np.zeros((3, 2, 5), np.uint64),
        np.zeros((3, 2)),
    )
    for act in (
        lambda: each.turns(x, 0, 3), lambda: each.turns(x, 65, 3), lambda: each.turns(WORD, 9, 3),
        lambda: each.turns(x, 9, -1),
        lambda: each.waves(x, 65, factors, dealt), lambda: each.waves(x, 9, factors[:2], dealt),
        lambda: each.waves(x, 9, factors.T, dealt), lambda: each.waves(x[1:], 9, factors, dealt),
        lambda: each.waves(x, 9, factors, dealt[:, :1]),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"64 bits|wanted|no waves|negative"):
            act()
    with pytest.raises(TypeError, match="float64"):
        each.waves(x, 9, factors.astype(np.float32), dealt)


@compiled
def test_tables_that_do_not_fit_are_refused():
    each, digits, hot = kernels(), np.zeros(4, np.uint64), np.zeros((4, 8), np.uint64)
    one = np.ones(1, np.uint64)
    fixed = np.broadcast_to(np.uint64(0), (4, 4))
    for act in (
        lambda: each.lookup(WORD, digits, hot), lambda: each.lookup(WORD, digits[1:], WORD),
        lambda: each.lookup(WORD[:, :3], digits, WORD[:, :3]), lambda: each.lookup(WORD[0], digits, WORD),
        lambda: each.lookup(WORD[:, :0], digits, WORD[:, :0]), lambda: each.lookup(WORD, WORD, WORD),
        lambda: each.hide_one_hot(digits[1:], one, WORD), lambda: each.hide_one_hot(digits, one, hot[:, ::2]),
        lambda: each.hide_one_hot(digits, one, UNALIGNED), lambda: each.hide_one_hot(digits, one, fixed),
        lambda: each.hide_one_hot(digits, WORD[0, :3], WORD), lambda: each.lookup(WORD, digits, hot[:, :3]),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"no entries|no vectors|wanted|written"):
            act()
    for act in (
        lambda: each.lookup(PAIRS, digits, WORD), lambda: each.lookup(WORD, digits, PAIRS),
        lambda: each.lookup(WORD, digits.view(np.int64), WORD),
        lambda: each.hide_one_hot(digits, one, WORD.view(np.int64)),
        lambda: each.hide_one_hot(digits, PAIRS[0], WORD),
    ):  # fmt: skip
        with pytest.raises(TypeError, match="takes"):
            act()


@compiled
def test_elements_that_do_not_fit_are_refused():
    each, flags = kernels(), np.zeros((4, 4), np.bool_)
    known = MaskedNumbers(flags, PAIRS, PAIRS)
    for act in (
        lambda: each.wide_left_shift_into(PAIRS, 128, PAIRS.copy()), lambda: each.dots(PAIRS, PAIRS[0, :3]),
        lambda: each.wide_right_shift_into(PAIRS, -1, PAIRS.copy()), lambda: each.wide_sum(PAIRS, 2),
        lambda: each.wide_signed_shift_into(PAIRS[:2], 1, PAIRS.copy()), lambda: each.wide_sum(PAIRS, -1),
        lambda: each.wide_left_shift_into(PAIRS, 1, np.zeros((4, 8), PAIR)[:, ::2]),
        lambda: each.wide_multiply_less_into(PAIRS[:3], PAIRS, PAIRS.copy()),
        lambda: each.bit_times(known, PAIRS[:3], PAIRS), lambda: each.bit_times(known, PAIRS, PAIRS[:, :3]),
        lambda: each.bit_times(MaskedNumbers(flags, PAIRS[:3], PAIRS), PAIRS, PAIRS),
        lambda: each.bit_times(MaskedNumbers(flags, PAIRS, PAIRS[:, :1]), PAIRS, PAIRS),
        lambda: each.bit_dots(flags[:3], PAIRS, PAIRS[0], True),
        lambda: each.bit_dots(flags, PAIRS, PAIRS[0, :3], True),
    ):  # fmt: skip
        with pytest.raises(
            ValueError, match=r"shifted|no axis|no products|no sums|broadcast|after the other"
        ):
            act()
    for act in (
        lambda: each.wide_extended(WORD), lambda: each.wide_sum(WORD, 0), lambda: each.dots(PAIRS, WORD[0]),
        lambda: each.bit_times(known, WORD, PAIRS),
        lambda: each.bit_times(MaskedNumbers(flags.view(np.int8), PAIRS, PAIRS), PAIRS, PAIRS),
        lambda: each.bit_dots(flags.view(np.int8), PAIRS, PAIRS[0], True),
        lambda: each.bit_dots(flags, PAIRS, WORD[0], True),
        lambda: each.bit_dots(flags, WORD, PAIRS[0], True),
    ):  # fmt: skip
        with pytest.raises(TypeError, match="takes"):
            act()


@compiled
def test_bands_beyond_their_table_are_refused():
    each, starts, bands = kernels(), np.zeros(4, np.uint64), np.zeros((4, 1), np.uint64)
    shapes = (4, 2), (65, 2), (65, 3), (65, 4)
    value, table, echelon, wide = (np.zeros(shape, np.uint64) for shape in shapes)
    beyond, long = np.array([0, 0, 2, 0], np.uint64), np.zeros((4, 9), np.uint64)
    for act in (
        lambda: each.lay_bands(beyond, bands, value, echelon), lambda: each.read_bands(beyond, bands, wide),
        lambda: each.lay_bands(starts[:3], bands, value, echelon),
        lambda: each.lay_bands(starts, bands, value[:3], echelon),
        lambda: each.read_bands(starts, long, wide),
        lambda: each.lay_bands(starts, bands, value, wide), lambda: each.read_bands(starts, bands, table),
        lambda: each.lay_bands(starts, bands, value, np.zeros((65, 6), np.uint64)[:, ::2]),
        lambda: each.lay_bands(starts, bands[:, :0], value, table),
        lambda: each.read_bands(starts, bands, wide[:63]),
        lambda: each.solve_bands(echelon, wide), lambda: each.solve_bands(echelon[:64], table),
        lambda: each.solve_bands(echelon, wide[:, ::2]), lambda: each.solve_bands(table, table),
        lambda: each.solve_bands(np.zeros((65, 11), np.uint64), table),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"band|table|form"):
            act()


@compiled
def test_records_that_do_not_fit_are_refused():
    each, x, whole = kernels(), np.zeros(4, np.uint64), np.ones(4, np.int64)
    rows, data = np.zeros((4, 32), np.uint8), np.zeros(9, np.uint8)
    long, negative = np.full(4, 31), np.array([0, -1, 0, 0])
    for act in (
        lambda: each.sort_words(x[::2], 0, 64), lambda: each.sort_words(x, 0, 65),
        lambda: each.sort_words(x, 3, 2),
        lambda: each.merge_tags(x, x[:3], np.array([4])), lambda: each.merge_tags(x, x, np.array([2])),
        lambda: each.merge_tags(x, x, np.array([3, 2, 4])), lambda: each.merge_tags(x, x, np.array([-1, 4])),
        lambda: each.lay_values(rows[:3], whole, data, whole, whole),
        lambda: each.lay_values(rows[::2], whole[:2], data, whole[:2], whole[:2]),
        lambda: each.lay_values(rows, whole.copy(), data, 9 * whole, whole),
        lambda: each.lay_values(rows, whole.copy(), data, negative, whole),
        lambda: each.lay_values(rows, whole.copy(), data, whole, negative),
        lambda: each.lay_values(rows, long, data, whole, whole),
        lambda: each.lay_values(rows, whole.copy(), np.zeros(99, np.uint8), whole, long),
        lambda: each.lay_values(rows, negative, data, whole, whole),
        lambda: each.tags(b"short", rows), lambda: each.tags(bytes(16), rows[:, :15]),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"order|sets|value|tags"):
            act()


@compiled
@pytest.mark.parametrize("place", [1, 2, 30, 31])
@pytest.mark.parametrize("size", [0, 1, 30, 40])
def test_a_value_is_laid_exactly_if_it_is_within_its_row_and_its_data(place, size):
    """At each bound, and one beyond it; a row that is refused, and what is behind a row, stay as they are."""
    for start in (-1, 0, 1, size - 1, size, size + 1):
        for length in (-1, 0, 1, 30 - place, 31 - place, 32 - place, size - start, size - start + 1):
            rows, places = np.full((2, 32), 7, np.uint8), np.array([place, 0])
            data = np.arange(100, 100 + size, dtype=np.uint8)
            given = data, np.array([start, 0]), np.array([length, 0])
            if 0 <= length <= 31 - place and 0 <= start <= size - length:
                kernels().lay_values(rows, places, *given)
                assert rows[0].tolist() == [
                    *[7] * place, length, *data[start : start + length], *[7] * (31 - place - length)
                ]  # fmt: skip
                assert places.tolist() == [place + length + 1, 0]
            else:
                with pytest.raises(ValueError, match="value"):
                    kernels().lay_values(rows, places, *given)
                assert (rows[0] == 7).all()
            assert (rows[1] == 7).all()


@compiled
def test_polynomials_of_other_sizes_or_primes_are_refused():
    x, tables, primes = np.zeros((1, 2, 4), np.uint64), negacyclic.tables(PRIMES[:2], 4), moduli(2)[:, 0]
    each, long = kernels(), np.zeros((1, 2, 1 << 14), np.uint64)
    for act in (
        lambda: each.transform(x[0], tables, primes, back=False),
        lambda: each.transform(x[:, :1], tables, primes, back=False),
        lambda: each.transform(x, tables[:, :2], primes, back=False),
        lambda: each.transform(x[..., :3].copy(), tables[..., :3], primes, back=True),
        lambda: each.transform(x[..., ::2], tables[..., ::2], primes, back=True),
        lambda: each.transform(long, np.zeros((2, 4, 1 << 16), np.uint64), primes, back=True),
        lambda: each.transform(x, tables, primes + np.uint64(2**22), back=True),
        lambda: each.dot(x[None], x, primes - np.uint64(2**24)), lambda: each.dot(x[None], x[:, :1], primes),
        lambda: each.dot(x[None], x, primes[:1]), lambda: each.dot(x[None, :0], x, primes),
        lambda: each.dot(x[None], x[..., :3], primes), lambda: each.dot(x, x, primes),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"transform|primes|products|wanted"):
            act()


@compiled
def test_points_of_other_sizes_are_refused():
    points = np.zeros((3, 32), np.uint8)
    for scalar, given in ((bytes(31), points), (bytes(32), points[:, 1:]), (bytes(32), points[0])):
        with pytest.raises(ValueError, match=r"has 32 bytes|is wanted"):
            kernels().multiply_points(scalar, given)
    with pytest.raises(ValueError, match="48"):
        kernels().encode_points(points)
    with pytest.raises(TypeError, match="int8"):
        kernels().multiply_points(bytes(32), points.view(np.int8))


@compiled
def test_words_that_lie_anywhere_are_read():
    octets = np.random.default_rng(1).integers(0, 256, 8 * 64 + 1, np.uint8)
    x = octets[1:].view(np.uint64)
    np.testing.assert_array_equal(kernels().planes(x, 64), kernels().planes(x.copy(), 64))


# -------------------------------------------------------------------- threads


def test_work_is_shared_out_whole_and_once_at_any_number_of_threads(monkeypatch):
    pool = ThreadPoolExecutor(3)
    monkeypatch.setattr(threads, "_pool", lambda process: pool)
    for count in (1, 2, 4):
        monkeypatch.setattr(threads, "count", lambda count=count: count)
        for size, least in [(0, 1), (1, 1), (7, 2), (100, 1), (100, 200)]:
            seen = np.zeros(size, np.int64)
            pieces = []

            def work(start, stop, seen=seen, pieces=pieces):
                seen[start:stop] += 1
                pieces.append(stop - start)

            threads.shared_out(size, least, work)
            assert (seen == 1).all()
            assert len(pieces) == max(1, min(count, size // least))


def test_an_error_in_one_piece_is_the_callers(monkeypatch):
    monkeypatch.setattr(threads, "count", lambda: 2)

    def work(start, stop):
        if start:
            raise MemoryError("here")

    with pytest.raises(MemoryError, match="here"):
        threads.shared_out(10, 1, work)


@pytest.mark.parametrize("said", ["0", "-1", "many"])
def test_a_setting_that_is_no_number_of_threads_is_refused(monkeypatch, said):
    monkeypatch.setenv(threads.VARIABLE, said)
    with pytest.raises(library.ConfigError, match=said):
        threads.count.__wrapped__()


# -------------------------------------------------------------------- the library


def test_only_a_whole_library_of_these_sources_is_called(tmp_path):
    absent, broken, foreign = (tmp_path / name for name in ("absent", "broken", "foreign"))
    broken.write_bytes(b"\x7fELF and no more")
    with pytest.raises(library.LibraryRefused, match="not compiled"):
        library.judged(absent)
    with pytest.raises(library.LibraryRefused, match="for this machine"):
        library.judged(broken)
    if compiling.LIBRARY.is_file():
        was = compiling.digest().encode()
        whole = compiling.LIBRARY.read_bytes()
        assert was in whole
        foreign.write_bytes(whole.replace(was, was[::-1]))
        with pytest.raises(library.LibraryRefused, match="other sources"):
            library.judged(foreign)


def loaded_with(monkeypatch, said, path):
    monkeypatch.setenv(compiling.VARIABLE, said)
    monkeypatch.setattr(compiling, "LIBRARY", path)
    return library.loaded.__wrapped__()


def test_what_the_variable_says_holds(monkeypatch, tmp_path, caplog):
    assert loaded_with(monkeypatch, "", tmp_path / "absent").library is None
    assert loaded_with(monkeypatch, "numpy", compiling.LIBRARY).library is None
    with pytest.raises(library.ConfigError, match="not compiled"):
        loaded_with(monkeypatch, "compiled", tmp_path / "absent")
    with pytest.raises(library.ConfigError, match="'fast'"):
        loaded_with(monkeypatch, "fast", compiling.LIBRARY)
    (tmp_path / "broken").write_bytes(b"no library")
    caplog.clear()
    assert loaded_with(monkeypatch, "", tmp_path / "broken").library is None
    assert ["numpy computes" in each.message for each in caplog.records] == [True]


def test_a_compiler_is_looked_for_and_its_failure_told(monkeypatch, tmp_path):
    assert compiling.compiler({"CC": "some cc"}) == ["some", "cc"]
    monkeypatch.setenv("CC", "junto-has-no-such-compiler")
    with pytest.raises(compiling.CannotBuild, match="cannot be run"):
        compiling.build(tmp_path / "kernels.so")
    monkeypatch.setenv("CC", f"{sys.executable} -c 'raise SystemExit(1)'")
    with pytest.raises(compiling.CannotBuild, match="does not compile"):
        compiling.build(tmp_path / "kernels.so")
    monkeypatch.delenv("CC")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(compiling, "find_spec", lambda name: None)
    with pytest.raises(compiling.CannotBuild, match="no C compiler"):
        compiling.build(tmp_path / "kernels.so")
    assert list(tmp_path.iterdir()) == []


# -------------------------------------------------------------------- Curve25519's fields


@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not here")
@pytest.mark.parametrize("flag", [None, "-DWEAKER"])
def test_no_limb_of_the_curves_field_outgrows_its_lane(tmp_path, flag):
    program, source = tmp_path / "bounds", Path(__file__).with_name("bounds.cpp")
    command = ["g++", "-std=c++17", "-w", f"-I{compiling.SOURCES}", *filter(None, [flag]), "-o", str(program)]
    subprocess.run([*command, str(source)], check=True)
    assert (subprocess.run([str(program)]).returncode == 0) == (flag is None)


# -------------------------------------------------------------------- sanitizers


def runtime() -> str | None:
    """The address sanitizer's library, which has to be in the process before any other."""
    if os.name == "nt" or (gcc := shutil.which("gcc")) is None:
        return None
    found = subprocess.run(
        [gcc, "-print-file-name=libasan.so"], capture_output=True, text=True
    ).stdout.strip()
    return found if Path(found).is_file() else None


@pytest.mark.slow
@pytest.mark.timeout(1200)  # it compiles the kernels anew, with every check
@pytest.mark.skipif(runtime() is None, reason="gcc with its address sanitizer is not here")
def test_no_kernel_at_any_level_leaves_its_arrays_or_the_languages_rules(monkeypatch, tmp_path):
    monkeypatch.setenv("CC", "gcc")
    target = tmp_path / "kernels.so"
    checks = ["-O0", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    compiling.build(target, [*checks, "-DJUNTO_EMULATED"])  # all levels, on any processor
    environment = {
        **os.environ, "LD_PRELOAD": runtime(), "ASAN_OPTIONS": "detect_leaks=0", "JUNTO_THREADS": "1",
    }  # fmt: skip
    script = Path(native_rows.__file__)
    ran = subprocess.run(
        [sys.executable, str(script), str(target)], capture_output=True, text=True, env=environment
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
