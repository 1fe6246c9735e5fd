//! Serves the node's devices to applications: REST, streams, commands, windows and aggregates.
