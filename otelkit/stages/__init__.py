"""What wraps user code: the decorator, targets patched by configuration, blocks, runs and watched queues."""

from otelkit.stages.declare import stage
from otelkit.stages.patching import Patcher
from otelkit.stages.queues import watch
from otelkit.stages.run import current_run_id, current_run_name, run, set_process_run
from otelkit.stages.runtime import Runtime

__all__ = ["Patcher", "Runtime", "current_run_id", "current_run_name", "run", "set_process_run", "stage", "watch"]
