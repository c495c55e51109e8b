"""After failures that a script has handled everything works, the end of the session included."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import junto as sf
from tries import tries


def fail(*_):
    raise ValueError


def at(party):
    return sf.PYU(party)


FAILING = {
    "task": lambda: sf.reveal(at("alice")(fail)()),
    "poison": lambda: sf.reveal(at("bob")(int)(at("alice")(fail)().to(at("bob")))),
    "wait": lambda: sf.wait([at("bob")(int)(1), at("bob")(fail)()]),
    "elsewhere": lambda: at("alice")(int)(at("bob")(int)(1)),
    "no order": lambda: sf.reveal({at("alice")(int)(1)}),
    "cannot travel": lambda: sf.reveal(at("alice")(lambda: object())()),
    "nobody": lambda: sf.reveal(at("alice")(int)(1), to="erin"),
    "join": lambda: sf.join.join({at("alice"): at("alice")(fail)(), at("bob"): at("bob")(int)(1)}, on="id"),
    "several": lambda: sf.reveal([each(fail)() for each in map(at, ("alice", "bob"))]),
}


@settings(max_examples=tries(40), deadline=None)
@given(st.lists(st.sampled_from(sorted(FAILING)), min_size=1, max_size=6), st.booleans())
def test_everything_works_after_failures_that_were_handled(names, debug):
    sf.init(["alice", "bob"], address="local", debug_mode=debug, logging_level="critical")
    kept = at("alice")(int)(7)
    for name in names:
        with pytest.raises(sf.JuntoError) as caught:
            FAILING[name]()
        assert not isinstance(caught.value, sf.PartyUnreachable | sf.PartyAborted), name
        assert sf.reveal(at("bob")(int)(kept.to(at("bob")))) == 7
    sf.barrier()
    sf.shutdown()
