"""One file for each metric: pure functions of arrays that know no run, no file and no network.

Each file also holds `measure_<name>(sides)`, which is what the registry (`evaluation.registry`) calls.
"""
