//! The command `umec`.

fn main() {}
