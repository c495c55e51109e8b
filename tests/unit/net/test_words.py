"""What another party says can be printed: it commands no terminal and begins no line of a log."""

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from junto.net.api import Abort, Activity, Stamp
from junto.net.words import MARGIN, line, lines, printable

ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
HOSTILE = "ok\x1b[2J\r\n12:00:00 info alice: all is well\u202e\x07"


@given(ANY)
@example(HOSTILE)
def test_a_line_is_one_and_says_what_can_be_printed(text):
    made = line(text)
    assert made.isprintable()
    assert len(made) == len(text)
    assert all(new == old or not old.isprintable() for new, old in zip(made, text, strict=True))
    assert line(made) == made


@given(ANY)
@example(HOSTILE)
def test_of_several_lines_only_the_first_begins_at_the_margin(text):
    first, *rest = lines(text).split("\n")
    assert first.isprintable()
    assert all(each.startswith(MARGIN) and each.isprintable() for each in rest)
    assert lines(lines(text)) == lines(text), "who passes it on adds no margin"


@given(ANY)
@example(HOSTILE)
def test_what_is_decoded_is_printable_in_all_its_texts(text):
    stamp = (7, b"d", text, text)
    sent = msgspec.msgpack.encode([stamp, [text], 3, text])
    activity = msgspec.msgpack.decode(sent, type=Activity)
    for said in (activity.stamp.text, activity.stamp.site, activity.waiting_for[0], activity.busy):
        assert said.isprintable()
    abort = msgspec.msgpack.decode(msgspec.msgpack.encode([text, text]), type=Abort)
    assert abort.kind.isprintable()
    assert abort.message == lines(text)
    assert Stamp(*stamp).text == line(text), "ours, too: both sides show the same"


def test_texts_in_containers_and_as_keys_are_cleaned_and_other_values_are_left():
    assert printable({"a\x1b": ("b\r", 1, None)}) == {"a?": ("b?", 1, None)}
