"""Opens the rooms that a command works in, from its options, the environment and the files."""
