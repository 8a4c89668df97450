"""Around trained runs: the dashboard and the measurements."""
