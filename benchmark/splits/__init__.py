"""Published splits, by subject, one JSON file a task."""
