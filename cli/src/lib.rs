//! The command umec: brings a node up on this machine, and looks after devices.
