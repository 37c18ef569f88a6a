"""Wrapping methods, and undoing it."""

from __future__ import annotations

from collections.abc import Callable

from otelkit.logs.wrapped_method import WrappedMethod


class Base:
    def say(self, word: str) -> str:
        return f"base {word}"


class Own(Base):
    def say(self, word: str) -> str:
        return f"own {word}"


class Inherits(Base):
    pass


def _loud(original: Callable[..., str], this: object, *args: str) -> str:
    return original(this, *args).upper()


def test_wrapping_and_undoing_leaves_the_class_as_it_was() -> None:
    """An own method is the same function again, an inherited one is inherited again."""
    before = vars(Own)["say"]
    for owner in (Own, Inherits):
        method = WrappedMethod(owner, "say", _loud)
        method.wrap()
        method.wrap()

        assert owner().say("a") in ("OWN A", "BASE A")
        method.unwrap()
        method.unwrap()

        assert owner().say("a") in ("own a", "base a")
    assert vars(Own)["say"] is before
    assert "say" not in vars(Inherits)


def test_what_somebody_else_wrapped_since_stays() -> None:
    """Ours then only passes through."""

    class Victim(Own):
        def say(self, word: str) -> str:
            return f"victim {word}"

    ours = WrappedMethod(Victim, "say", _loud)
    ours.wrap()
    inner = Victim.say
    Victim.say = lambda self, word: f"[{inner(self, word)}]"  # type: ignore[method-assign]  # as other tools do
    both = Victim().say("a")
    ours.unwrap()

    assert (both, Victim().say("a")) == ("[VICTIM A]", "[victim a]")
