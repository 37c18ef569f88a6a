"""What wraps user code: the decorator, targets patched by configuration, blocks, runs and watched queues."""
