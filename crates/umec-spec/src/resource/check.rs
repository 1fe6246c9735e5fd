//! What must hold between the fields of a resource, and between resources.

use super::read::{Report, Written};

/// Tells everything that cannot be.
pub(super) fn check(_written: &Written, _report: &mut Report) {}
