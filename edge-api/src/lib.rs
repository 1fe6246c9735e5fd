//! The node's face to applications: what its devices are and measure, over HTTP, as it happens and as
//! it was, and the way to give them commands.

pub mod window;
