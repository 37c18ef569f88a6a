"""Two virtual environments that differ in otelkit alone: the packages of this one, with it and without."""

from __future__ import annotations

import sysconfig
import venv
from pathlib import Path
from typing import Final

_STOCK_ENTRY_POINTS: Final = """
[opentelemetry_configurator]
stock_sdk = opentelemetry.sdk._configuration:_OTelSDKConfigurator
"""
_INSTRUMENT: Final = """#!{python}
import sys
from opentelemetry.instrumentation.auto_instrumentation import run
sys.exit(run())
"""


def twin(folder: Path, *, otelkit: bool, stock_sdk: bool = False) -> Path:
    """Make an environment in a folder that is not there yet, in a fraction of a second, and return where its commands are.

    Nothing is installed: the packages of the environment that runs this are linked.

    Args:
        folder: Becomes the environment's.
        otelkit: Whether it has otelkit.
        stock_sdk: Whether ``opentelemetry-instrument`` sets up the stock SDK from the environment's variables there, as the
            package ``opentelemetry-distro`` has it do.
    """
    venv.EnvBuilder(symlinks=True, with_pip=False).create(folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if otelkit or not path.name.removeprefix("_editable_impl_").startswith("otelkit"):
            (packages / path.name).symlink_to(path)
    if stock_sdk:
        distribution = packages / "stock_sdk-1.dist-info"
        distribution.mkdir()
        (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: stock-sdk\nVersion: 1\n", encoding="utf-8")
        (distribution / "entry_points.txt").write_text(_STOCK_ENTRY_POINTS, encoding="utf-8")
    command = folder / "bin" / "opentelemetry-instrument"
    command.write_text(_INSTRUMENT.format(python=folder / "bin" / "python"), encoding="utf-8")
    command.chmod(0o755)
    return folder / "bin"
