"""The path of a span: from its end through the chain of steps to the exporters."""

from otelkit.spans.adopt import AdoptedProcessor
from otelkit.spans.chain import Chain
from otelkit.spans.outbox import Destination, Outbox
from otelkit.spans.rebuild import rebuild
from otelkit.spans.stage_spans import SdkStageSpans

__all__ = ["AdoptedProcessor", "Chain", "Destination", "Outbox", "SdkStageSpans", "rebuild"]
