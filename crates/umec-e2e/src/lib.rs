//! Whole-system tests, and the real servers that any test may start.
