"""Why a sampler has kept a trace, and how many it stands for, in words."""

from __future__ import annotations

from typing import Final

from otelkit import names
from otelkit._cli.span_tree import Tree

_RULE: Final = "rule:"
_WORDS: Final = {
    "ratio": "by its share",
    "adaptive": "by the share of its stage",
    "debug": "since somebody asked for it",
    "parent": "since the process that called this one has kept it",
    "error": "since it failed",
    "slow": "since it is slow for its stage",
    "rare": "since nothing like it was seen for long",
    "normal": "by the share of normal traces",
    "budget": "by the budget of its window",
    "evicted": "by the share of normal traces, before its end",
    "retroactive": "after all, when somebody asked for the last seconds; it stands for itself only",
}
"""By `otelkit.sampling.reason`."""


def why_kept(tree: Tree) -> str:
    """Return why the trace was kept and how many it stands for; "" if no sampler of ours has said so.

    Where several of its spans say something (a local root in each process), the first one counts: above it nobody has
    decided.
    """
    for node in tree.nodes:
        attributes = node.span.attributes
        reason = attributes.get(names.SAMPLING_REASON)
        if isinstance(reason, str) and reason:
            return _words(reason) + _stands_for(attributes.get(names.SAMPLING_RATE))
    return ""


def _words(reason: str) -> str:
    if reason.startswith(_RULE):
        return f"by the rule {reason.removeprefix(_RULE)}"
    # A stranger's sampler may have reasons of its own.
    return _WORDS.get(reason, f"for the reason {reason}")


def _stands_for(rate: object) -> str:
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate <= 1:
        return ""
    return "; all like it are kept" if rate == 1 else f"; it stands for {1 / rate:.4g} like it"
