"""Two millionaires learn who is richer, and nothing else (Yao, FOCS 1982).

Run it: junto simulate examples/millionaires.py --parties alice,bob,carol
"""

import junto as sf


def fortune(party):
    """A real one reads this party's own books."""
    return {"alice": 3_200_000, "bob": 2_900_000}[party]


def main():
    sf.init()
    alice, bob = sf.PYU("alice"), sf.PYU("bob")
    spu = sf.SPU(parties=["alice", "bob", "carol"])  # alice and bob compute on shares, carol helps

    hers, his = alice(fortune)("alice"), bob(fortune)("bob")
    richer = spu(lambda one, other: one > other)(hers, his)
    print("alice is richer:", bool(sf.reveal(richer)))
    sf.shutdown()


if __name__ == "__main__":
    main()
