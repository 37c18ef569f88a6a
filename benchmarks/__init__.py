"""What otelkit costs, side by side with doing without, with the stock SDK and with its peers.

``python -m benchmarks [--quick] [NAME…]`` measures and prints tables; the figures behind them go to ``.cache/bench/NAME.json``.
Each module listed in `catalogue` offers ``measure(quick: bool) -> Report``.
"""
