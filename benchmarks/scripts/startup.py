"""From nothing to the first reveal; says when (`time.monotonic`) each stage was over."""

import time

stages = {"python": time.monotonic()}

import junto as sf  # noqa: E402

stages["import"] = time.monotonic()


def answer():
    return 42


def passed_on(value):
    return value + 1


sf.init()
stages["init"] = time.monotonic()
alice, bob = sf.PYU("alice"), sf.PYU("bob")
result = sf.reveal(bob(passed_on)(alice(answer)().to(bob)))
stages["reveal"] = time.monotonic()

from say import say  # noqa: E402

say(stages=stages, result=result)
sf.shutdown()
say(over=time.monotonic())
