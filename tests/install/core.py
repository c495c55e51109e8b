"""What junto does without any extra, and what it says where one is missing."""

import importlib

import junto as sf

sf.init(parties=["alice", "bob"], address="local")
alice, bob = sf.PYU("alice"), sf.PYU("bob")
total = bob(lambda one, other: one + other)(alice(lambda: 40)().to(bob), bob(lambda: 2)())
if sf.reveal(total) != 42:
    raise SystemExit("a moved number is wrong")
sf.shutdown()


def said(act):
    """The error that `act` raises, as text."""
    try:
        act()
    except sf.JuntoError as error:
        return str(error)
    raise SystemExit(f"{act} needs an extra, and did not say so")


def on_ray():
    sf.init(parties=["alice"], address="127.0.0.1:1")


sf.init(parties=["alice", "bob", "carol"], address="local")
expected = {
    "junto[spu]": [lambda: sf.SPU(parties=["alice", "bob", "carol"]), lambda: sf_learn().LogisticRegression],
    "junto[tables]": [lambda: sf.reveal(alice(lambda: importlib.import_module("pandas"))())],
}


def sf_learn():
    return importlib.import_module("junto.learn")


for extra, acts in expected.items():
    for act in acts:
        if extra not in (text := said(act)):
            raise SystemExit(f"the error does not name {extra}: {text}")
importlib.import_module("junto.frame")  # it is the parties with tables that need the libraries
importlib.import_module("junto.join")
sf.shutdown()
if "junto[ray]" not in (text := said(on_ray)):
    raise SystemExit(f"the error does not name junto[ray]: {text}")
