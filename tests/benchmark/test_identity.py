"""Keys: equal data gives equal keys, whatever its order; anything that is not plain data is refused."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mednca_bench.benchmark.identity import canonical, key

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def reversed_order(value):
    if isinstance(value, dict):
        return {name: reversed_order(inner) for name, inner in reversed(value.items())}
    return [reversed_order(inner) for inner in value] if isinstance(value, list) else value


@given(st.dictionaries(st.text(), PLAIN, max_size=4))
def test_the_order_of_names_does_not_matter(content):
    assert key(content=content) == key(content=reversed_order(content))


@given(PLAIN, PLAIN)
def test_other_content_has_another_key(one, other):
    assert (key(content=one) == key(content=other)) == (canonical(one) == canonical(other))


def test_the_key_is_the_sha_256_of_canonical_json():
    # sha256sum of {"a":[1,2.5],"b":"x"}
    assert key(b="x", a=(1, 2.5)) == "5cefae54a95b31dc660d6cbbb2198f0811fc70ee37b1cc85b1989870cd293ffb"


@pytest.mark.parametrize("value", [math.nan, math.inf, {1, 2}, b"bytes", object()])
def test_what_is_not_plain_data_is_refused(value):
    with pytest.raises((TypeError, ValueError)):
        key(value=value)
