"""What a run writes down for people: metrics.jsonl, and all of VisualDL with its dashboard."""
