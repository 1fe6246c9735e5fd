//! Chores of the workspace, and the tests of its own shape.
