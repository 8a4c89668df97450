"""What a run records for people: metrics.jsonl, and all of VisualDL with its dashboard."""
