"""The vocabulary of settings: a name is known or refused, and a refusal has its reason."""

from junto.config import setting_names


def test_no_name_is_known_and_refused_at_one_place_and_each_reason_is_a_phrase():
    tables = [
        (setting_names.TOP, setting_names.REFUSED_TOP),
        (setting_names.PARTY, setting_names.REFUSED_PARTY),
        (setting_names.COMM, setting_names.REFUSED_COMM),
    ]
    for known, refused in tables:
        assert not {*known} & {*refused}
        assert len({*known}) == len(known)
        assert all(reason and not reason.endswith(".") for reason in refused.values())
    assert all(known in setting_names.PLACES.values() for known, _ in tables)
