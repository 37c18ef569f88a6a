"""The test kit: what a pipeline or a plugin needs to be tested with otelkit, without a network and without waiting.

::

    def test_parse_is_a_stage():
        with Recorder() as recorder:
            parse("a.py")

        assert recorder.tree() == ["steps.parse"]
"""

from otelkit.testing.clock import FakeClock
from otelkit.testing.conformance import check_call_observer, check_describer, check_span_step
from otelkit.testing.ids import CountingIds
from otelkit.testing.made_call import MadeCall
from otelkit.testing.points import Point
from otelkit.testing.recorder import Recorder

__all__ = [
    "CountingIds",
    "FakeClock",
    "MadeCall",
    "Point",
    "Recorder",
    "check_call_observer",
    "check_describer",
    "check_span_step",
]
