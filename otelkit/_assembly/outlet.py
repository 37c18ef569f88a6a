"""What the paths of the three signals share: settings, account, spool and notice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from otelkit._assembly.encoders import encoder
from otelkit._assembly.exporters import ExporterChoice, choose_exporters
from otelkit.delivery.heir import Heir
from otelkit.delivery.left_by_children import LeftByChildren
from otelkit.delivery.notice import Notice
from otelkit.delivery.otlp_exporters import OtlpLogExporter, OtlpMetricExporter
from otelkit.delivery.otlp_writer import OtlpWriter
from otelkit.delivery.outgoing import Outgoing
from otelkit.delivery.spool import Spool
from otelkit.delivery.transports import otlp_transport
from otelkit.delivery.uncounted import UNCOUNTED
from otelkit.ledger.ledger import Ledger
from otelkit.model.signals import Account, Signal
from otelkit.settings import Settings

if TYPE_CHECKING:
    # Imported where one is made: with OTLP alone, none is.
    from otelkit.delivery.exporters import DeliveredLogExporter, DeliveredMetricExporter, DeliveredSpanExporter


@dataclass(frozen=True, slots=True)
class Outlet:
    """Everything a signal's path needs to get out of the process."""

    env: Mapping[str, str]
    settings: Settings
    ledger: Ledger
    spool: Spool | None
    """None: spooling is switched off."""
    notice: Notice
    """Says once, in one line, that telemetry is being spooled."""
    heir: Heir | None
    """Who sends what a child has recorded, which may be killed at any moment; None: spooling is switched off."""
    left: LeftByChildren | None
    """Finds what children have left in the spool."""

    @classmethod
    def open(cls, env: Mapping[str, str], settings: Settings, ledger: Ledger, *, silent: bool) -> Outlet:
        """Return the outlet that the settings describe.

        Args:
            silent: Another process of the same tree says what there is to say.
        """
        folder = Path(settings.text("store_dir")) / "spool"
        spool = Spool(folder, settings.whole("spool_max_bytes"), ledger) if settings.flag("spool") else None
        notice = Notice(folder if spool else None, silent=silent)
        if spool is None:
            return cls(env, settings, ledger, None, notice, None, None)
        heir = Heir(folder)
        left = LeftByChildren(folder, at_beginning=not heir.is_elsewhere())
        return cls(env, settings, ledger, spool, notice, heir, left)

    def choices(self, signal: Signal) -> list[ExporterChoice]:
        """Return the exporters that ``OTEL_*`` asks for; what is wrong is said, so ask once."""
        return choose_exporters(signal, self.env)

    def outgoing(self, choice: ExporterChoice, choices: Sequence[ExporterChoice]) -> Outgoing | None:
        """Return the way out for OTLP as bytes; None where the choice is an exporter of another kind."""
        if choice.protocol is None:
            return None
        return Outgoing(
            choice.signal,
            choice.name,
            otlp_transport(choice.signal, choice.protocol, self.env),
            account=self.ledger,
            spool=self.spool,
            notice=self.notice,
            endpoint=choice.endpoint,
            limit_bytes=self.settings.whole("buffer_bytes"),
            principal=choice is _principal(choices),
            heir=self.heir,
            left=self.left,
        )

    def account_of(self, choice: ExporterChoice, choices: Sequence[ExporterChoice]) -> Account:
        """Return where a destination counts: only one of each signal does, since an item is created once."""
        return self.ledger if choice is _principal(choices) else UNCOUNTED

    def span_exporter(self, choice: ExporterChoice, choices: Sequence[ExporterChoice]) -> DeliveredSpanExporter:
        """Return the exporter for one choice."""
        from otelkit.delivery.exporters import DeliveredSpanExporter

        return DeliveredSpanExporter(choice.name, **self._how(choice, choices))

    def log_exporter(
        self, choice: ExporterChoice, choices: Sequence[ExporterChoice]
    ) -> OtlpLogExporter | DeliveredLogExporter:
        """Return the exporter for one choice."""
        outgoing = self.outgoing(choice, choices)
        if outgoing is None:
            from otelkit.delivery.exporters import DeliveredLogExporter

            return DeliveredLogExporter(choice.name, **self._how(choice, choices))
        return OtlpLogExporter(OtlpWriter("logs", outgoing, self.account_of(choice, choices), encoder("logs")))

    def metric_exporter(
        self, choice: ExporterChoice, choices: Sequence[ExporterChoice]
    ) -> OtlpMetricExporter | DeliveredMetricExporter:
        """Return the exporter for one choice."""
        outgoing = self.outgoing(choice, choices)
        if outgoing is None:
            from otelkit.delivery.exporters import DeliveredMetricExporter

            return DeliveredMetricExporter(choice.name, **self._how(choice, choices))
        account = self.account_of(choice, choices)
        return OtlpMetricExporter(OtlpWriter("metrics", outgoing, account, encoder("metrics")), account, self.env)

    def _how(self, choice: ExporterChoice, choices: Sequence[ExporterChoice]) -> dict[str, Any]:
        return {
            "factory": choice.factory,
            "account": self.ledger,
            "spool": self.spool,
            "notice": self.notice,
            "encode": encoder(choice.signal) if choice.is_otlp else None,
            "endpoint": choice.endpoint,
            # With several exporters one keeps the account: an item is created once.
            "principal": choice is _principal(choices),
        }


def _principal(choices: Sequence[ExporterChoice]) -> ExporterChoice:
    return next((choice for choice in choices if choice.is_otlp), choices[0])


class SignalPath(Protocol):
    """One signal's way out."""

    def flush(self, timeout_s: float) -> bool:
        """Send what is pending; False if that failed or took too long. Never raises."""

    def seal_from_now(self) -> None:
        """Hear that this process is a child, which may be killed at any moment."""

    def seal(self, timeout_s: float) -> bool:
        """Make what is pending safe against the end of this process; what can't be is sent. False if that failed."""

    def exit_by(self, deadline: float) -> None:
        """Make `close` end by ``deadline`` (`time.monotonic` seconds). Called for all signals before the first is closed."""

    def close(self, timeout_s: float) -> None:
        """Send or spool what is pending, then stop. Never raises, never takes longer."""

    def in_child(self, attributes: Mapping[str, str | int]) -> None:
        """Adapt to a forked child, whose resource differs by ``attributes``. Never raises."""
