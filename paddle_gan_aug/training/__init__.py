"""The engine: the loop that trains any algorithm, checkpoints, health and recovery. It knows no data set and no command."""
