"""One condition of a sampling rule."""

from __future__ import annotations

import random
import re
from fnmatch import fnmatchcase

import pytest
from opentelemetry.util.types import AnyValue

from otelkit import names
from otelkit.sampling.rules_conditions import SPAN_KIND, SPAN_NAME, covers, parse_condition

STAGE = names.STAGE_NAME


@pytest.mark.parametrize(
    ("text", "facts", "expected"),
    [
        pytest.param("stage=load*", {STAGE: "load.files"}, True, id="stage, shell pattern"),
        pytest.param("stage=load*", {STAGE: "Load.files"}, False, id="case counts"),
        pytest.param("stage=load*", {STAGE: "reload"}, False, id="the whole name"),
        pytest.param("stage=*", {}, False, id="no stage"),
        pytest.param("pipeline=a?c", {names.PIPELINE_NAME: "abc"}, True, id="pipeline, one letter"),
        pytest.param("pipeline.name=[ab]", {names.PIPELINE_NAME: "b"}, True, id="the attribute's full name"),
        pytest.param("name=GET *", {SPAN_NAME: "GET /users"}, True, id="the span's name"),
        pytest.param("kind=Server", {SPAN_KIND: "server"}, True, id="kind, in any case"),
        pytest.param("http.route!=/health*", {"http.route": "/users"}, True, id="not like it"),
        pytest.param("http.route!=/health*", {"http.route": "/healthz"}, False, id="like it after all"),
        pytest.param("http.route!=/health*", {}, True, id="not there"),
        pytest.param("url.path~^/api/v[0-9]+/", {"url.path": "/api/v12/x"}, True, id="regular expression"),
        pytest.param("url.path~v2", {"url.path": "/api/v2/x"}, True, id="anywhere in the value"),
        pytest.param("url.path~v2$", {"url.path": "/api/v2/x"}, False, id="or where it says"),
        pytest.param("attribute.codec=flac", {"codec": "flac"}, True, id="an attribute without a dot"),
        pytest.param("http.status=5??", {"http.status": 503}, True, id="a number"),
        pytest.param("cache.hit=true", {"cache.hit": True}, True, id="true"),
        pytest.param("tags.all=b*", {"tags.all": ("ab", "bc")}, True, id="one of several"),
        pytest.param("tags.all!=b*", {"tags.all": ("ab", "bc")}, False, id="none of several"),
        pytest.param("url.query=a=b", {"url.query": "a=b"}, True, id="an equals sign in the pattern"),
    ],
)
def test_a_condition_looks_at_one_key(text: str, facts: dict[str, AnyValue], expected: bool) -> None:
    """Patterns of the shell for whole values, regular expressions for parts of them."""
    assert parse_condition(text).holds(facts) is expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stage", "is no condition; expected KEY=PATTERN"),
        ("stage=", "is no condition"),
        ("=x", "is no condition"),
        ("stgae=x", "has the key 'stgae'; expected one of stage, pipeline, name, kind, or an attribute with a dot"),
        ("url.path~(", "has a regular expression that can't be read: missing )"),
    ],
)
def test_what_is_no_condition_is_said_with_what_was_expected(text: str, said: str) -> None:
    """A misspelt key would silently match nothing."""
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_condition(text)


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        ("*", "a*b", True),
        ("a*", "ab*", True),
        ("ab*", "a*", False),
        ("a?", "a*", False),
        ("a*", "a?", True),
        ("?*", "a*", True),
        ("*?", "*", False),
        ("*b", "ab", True),
        ("a*c", "a*b*c", True),
        ("a[bc]", "a[bc]", True),
        ("a*", "a[bc]", False),
        ("a[bc]", "ab", True),
    ],
)
def test_one_pattern_covers_another(wide: str, narrow: str, expected: bool) -> None:
    """Whatever is like the narrow one is like the wide one."""
    assert covers(wide, narrow) is expected


def test_a_pattern_never_covers_one_that_matches_more() -> None:
    """Every text over two letters, up to four of them, is tried for 3,000 random pairs of patterns."""
    rng = random.Random(5)
    texts = [""] + [f"{n:0{size}b}".replace("0", "a").replace("1", "b") for size in range(1, 5) for n in range(2**size)]
    covered = 0
    for _ in range(3000):
        wide, narrow = ("".join(rng.choices("ab?*", k=rng.randint(1, 4))) for _ in range(2))
        if covers(wide, narrow):
            covered += 1
            assert not [text for text in texts if fnmatchcase(text, narrow) and not fnmatchcase(text, wide)]

    # Else nothing was tried.
    assert covered > 300


@pytest.mark.parametrize(
    ("condition", "other", "expected"),
    [
        ("stage=a", "stage=a", True),
        ("stage=a", "pipeline=a", False),
        ("stage=ab", "stage=a*", True),
        ("stage=ab", "stage~b$", True),
        ("stage=a*", "stage~a", False),
        ("stage~a", "stage=*", True),
        ("stage~a", "stage=a*", False),
        ("stage=a", "stage!=b*", True),
        ("stage=ba", "stage!=b*", False),
        ("tags.all=a", "tags.all!=b*", False),
        ("stage!=b*", "stage!=bc*", True),
        ("stage!=bc*", "stage!=b*", False),
    ],
)
def test_one_condition_implies_another(condition: str, other: str, expected: bool) -> None:
    """Only what is certain counts: an attribute with several values may be like one pattern and like another."""
    assert parse_condition(condition).implies(parse_condition(other)) is expected
