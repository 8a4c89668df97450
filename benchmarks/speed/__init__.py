"""Step and sampling times, stage by stage and beside PyTorch: every contender in a process of its own, asked in turn.

A process has to itself what cannot be shared: the environment that Paddle reads once, its thread pool, its peak memory.
Times on a shared machine drift by tens of percent within minutes; asked in turn, all contenders drift together.
"""
