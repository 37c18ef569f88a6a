"""The settings of the core.

The launching process reads them too, and needs nothing else of ours: see `_bootstrap.environment_variables`.
"""

from __future__ import annotations

from otelkit._builtin.sampling_settings import SAMPLING_SETTINGS
from otelkit.settings import Setting

_MIB = 1024 * 1024

SETTINGS: tuple[Setting, ...] = (
    Setting("enabled", "bool", True, "Whether otelkit does anything at all in this process."),
    Setting(
        "stages",
        "list",
        (),
        "Functions to instrument as stages, as `module:function`, `module:Class.method` or `module:*`.",
    ),
    Setting("pipeline", "str", None, "Default `pipeline.name`; without it the service's name.", optional=True),
    Setting("plugins_allow", "list", (), "If set, only these plugins (and otelkit's own) are loaded."),
    Setting("plugins_deny", "list", (), "Plugins that are never loaded."),
    Setting(
        "run_id",
        "str",
        None,
        "Id of the run this process belongs to; `otelkit run` sets it, child processes inherit it.",
        optional=True,
    ),
    Setting("run_name", "str", None, "Name of the run; without it the name of the program.", optional=True),
    Setting("enable_tracing", "bool", True, "Whether spans are made.", aliases=("ENABLE_TRACING",)),
    Setting("enable_metrics", "bool", True, "Whether metrics are recorded.", aliases=("ENABLE_METRICS",)),
    Setting(
        "metrics_port",
        "int",
        None,
        "Port on the loopback where `/metrics` is served for Prometheus; 0 takes a free one; without it nothing is served.",
        minimum=0,
        maximum=65535,
        optional=True,
    ),
    Setting("log_export", "bool", True, "Whether log records are exported over OTLP."),
    Setting("log_correlation", "bool", True, "Whether every log record inside a span carries its ids."),
    Setting(
        "log_level",
        "str",
        "INFO",
        "The lowest level of log records that is exported.",
        aliases=("LOG_LEVEL",),
        choices=("DEBUG", "INFO", "WARN", "WARNING", "ERROR", "CRITICAL"),
    ),
    Setting(
        "log_ratio",
        "float",
        1.0,
        "Share of log records below WARNING that is exported; those of one trace together, and all others always.",
        unit="1",
        minimum=0,
        maximum=1,
    ),
    Setting(
        "log_format",
        "str",
        "",
        "`json` writes the program's log lines to stderr as JSON of one schema; empty leaves them alone.",
        choices=("", "json"),
        optional=True,
    ),
    Setting("describe_arguments", "bool", True, "Whether arguments of stages become bounded attributes."),
    Setting(
        "heartbeat_s",
        "float",
        10.0,
        "How long a stage call runs before it gives a heartbeat, and how often it then gives another; looked at once a second. "
        "0: never.",
        unit="s",
        minimum=0,
        maximum=86_400,
    ),
    Setting(
        "buffer_spans",
        "int",
        262_144,
        "Most ended spans held in memory while they wait for span steps, or for exporters that are not OTLP.",
        unit="spans",
        minimum=1,
    ),
    Setting(
        "buffer_bytes",
        "int",
        64 * 1024 * 1024,
        "Most encoded telemetry of each signal held in memory while it waits to be sent; above it the newest that is no error "
        "goes first.",
        unit="bytes",
        minimum=65_536,
    ),
    Setting(
        "buffer_records",
        "int",
        262_144,
        "Most log records held in memory while they wait to be sent.",
        unit="records",
        minimum=1,
    ),
    Setting(
        "batch_spans",
        "int",
        2048,
        "Most spans or log records in one request.",
        unit="spans",
        minimum=1,
        maximum=100_000,
    ),
    Setting(
        "export_delay_s",
        "float",
        0.5,
        "Longest time an ended span or log record waits before it is sent.",
        unit="s",
        minimum=0.01,
        maximum=60,
    ),
    Setting(
        "exit_limit_s",
        "float",
        2.0,
        "Longest time the end of the program may be delayed to send what is left.",
        unit="s",
        minimum=0,
        maximum=600,
    ),
    Setting("spool", "bool", True, "Whether telemetry that could not be sent is kept on disk for the next start."),
    Setting("spool_max_bytes", "int", 256 * _MIB, "Most bytes of spooled telemetry on disk.", unit="bytes", minimum=0),
    Setting(
        "store",
        "str",
        "sqlite",
        "Where `runs`, `trace` and `top` read: the embedded store, or one that a plugin offers.",
    ),
    Setting(
        "store_dir", "str", ".otelkit", "Folder of the embedded store and of the spool, relative to the working folder."
    ),
    Setting(
        "account_file",
        "str",
        "",
        "File to which each process appends one JSON line at its end: of each signal, how much was created and what became of "
        "it. Empty: none. Children that end by a signal or os._exit write nothing.",
        optional=True,
    ),
    Setting(
        "store_max_bytes",
        "int",
        2048 * _MIB,
        "Size of the embedded store above which the oldest whole traces are deleted.",
        unit="bytes",
        minimum=_MIB,
    ),
    Setting(
        "store_max_age_days",
        "float",
        30.0,
        "Age above which whole traces are deleted from the embedded store.",
        unit="d",
        minimum=0.001,
        maximum=36_500,
    ),
    Setting(
        "receiver_host",
        "str",
        "127.0.0.1",
        "Address the receiver listens on; anything but the loopback needs `receiver_token`.",
    ),
    Setting(
        "receiver_http_port", "int", 4318, "Port for OTLP over HTTP; 0 takes a free one.", minimum=0, maximum=65535
    ),
    Setting(
        "receiver_grpc_port",
        "int",
        4317,
        "Port for OTLP over gRPC, with the extra `grpc`; 0 takes a free one.",
        minimum=0,
        maximum=65535,
    ),
    Setting(
        "receiver_token",
        "str",
        None,
        "Bearer token that senders must show; needed when the receiver listens beyond the loopback.",
        secret=True,
        optional=True,
    ),
    Setting(
        "receiver_max_body_bytes",
        "int",
        64 * _MIB,
        "Largest request body accepted, after decompression.",
        unit="bytes",
        minimum=1024,
    ),
    Setting(
        "receiver_queue_bytes",
        "int",
        32 * _MIB,
        "Most bytes of accepted telemetry that wait to be stored; beyond it senders get 429 with Retry-After.",
        unit="bytes",
        minimum=1024,
    ),
    *SAMPLING_SETTINGS,
)
