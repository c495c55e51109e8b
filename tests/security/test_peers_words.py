"""What another party says is printable by construction, and bounded: every text and list of every frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

from junto.net import frames as f
from junto.net.words import Words, line, lines, printable

HOSTILE = "a\x1b[31mb\rc\u202ed\x9b0me\x00f\u2028g\ng\tend"
FRAMES = {kind.__name__: kind for kind in f.ControlFrame.__subclasses__()}


def structs(kind: Any) -> Iterator[type]:
    """A struct and all structs in it."""
    yield kind
    for field in inspect.type_info(kind).fields:
        if isinstance(field.type, inspect.StructType):
            yield from structs(field.type.cls)


def filled(info: Any, text: str) -> Any:
    """What a peer would put on the wire for a field of this type, with `text` wherever text can be."""
    match info:
        case inspect.Metadata():
            return filled(info.type, text)
        case inspect.StrType():
            return text
        case inspect.IntType():
            return 1
        case inspect.FloatType():
            return 1.0
        case inspect.BoolType():
            return True
        case inspect.BytesType():
            return bytes(info.min_length or 4)
        case inspect.MemoryViewType():
            return b"x"
        case inspect.VarTupleType():
            return [filled(info.item_type, text)]
        case inspect.TupleType():
            return [filled(each, text) for each in info.item_types]
        case inspect.DictType():
            return {filled(info.key_type, text): filled(info.value_type, text)}
        case inspect.StructType():
            tag = [info.tag] if info.tag is not None else []
            return tag + [filled(field.type, text) for field in info.fields]
    raise AssertionError(f"a frame holds what this test does not know: {info}")


def texts(thing: Any) -> Iterator[str]:
    if isinstance(thing, str):
        yield thing
    elif isinstance(thing, msgspec.Struct):
        yield from texts(msgspec.structs.astuple(thing))
    elif isinstance(thing, dict):
        yield from texts((*thing, *thing.values()))
    elif isinstance(thing, tuple | list):
        for each in thing:
            yield from texts(each)


@pytest.mark.parametrize("name", FRAMES)
def test_every_text_of_every_frame_is_printable_once_it_is_decoded(name):
    raw = filled(inspect.type_info(FRAMES[name]), HOSTILE)
    message = b"\x00" + msgspec.msgpack.encode([raw])
    for each in texts(f.open_message(message)):
        first, *rest = each.split("\n")
        assert first.isprintable()
        assert all(one.isprintable() and one.startswith("  | ") for one in rest), each
        assert "end" in each


def test_whatever_travels_with_text_in_it_is_words():
    kinds = {kind for frame in FRAMES.values() for kind in structs(frame)}
    with_text = {
        kind
        for kind in kinds
        if any(isinstance(field.type, inspect.StrType) for field in inspect.type_info(kind).fields)
    }
    assert with_text
    assert all(issubclass(kind, Words) for kind in with_text)


def unbounded(info: Any, place: str) -> Iterator[str]:
    match info:
        case inspect.Metadata():
            yield from unbounded(info.type, place)
        case inspect.VarTupleType() | inspect.DictType():
            if info.max_length is None:
                yield place
            inner = (
                [info.item_type]
                if isinstance(info, inspect.VarTupleType)
                else [info.key_type, info.value_type]
            )
            for each in inner:
                yield from unbounded(each, f"{place}[]")
        case inspect.StrType() | inspect.BytesType() if info.max_length is None:
            yield place
        case inspect.StructType():
            for field in info.fields:
                yield from unbounded(field.type, f"{info.cls.__name__}.{field.name}")


def test_every_list_and_text_of_every_frame_has_a_bound_of_its_own():
    found = {place for frame in FRAMES.values() for place in unbounded(inspect.type_info(frame), "")}
    assert found == set()


@given(st.text())
def test_cleaning_is_idempotent_and_leaves_nothing_to_obey(text):
    assert line(text).isprintable()
    assert line(line(text)) == line(text)
    assert lines(lines(text)) == lines(text)
    first, *rest = lines(text).split("\n")
    assert first.isprintable()
    assert all(each.startswith("  | ") for each in rest)
    assert printable({text: (text, 1)}) == {line(text): (line(text), 1)}
