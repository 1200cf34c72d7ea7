"""The files that any run writes, reads and draws: its folder, checkpoints, logs, pictures, exports."""
