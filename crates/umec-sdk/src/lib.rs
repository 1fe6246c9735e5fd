//! How a process lives: configuration, logs, health, metrics, tasks, the bus, and the loop of every plugin.
