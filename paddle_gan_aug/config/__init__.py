"""One typed configuration: its sections, how it is read, and the shipped presets."""
