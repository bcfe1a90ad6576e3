//! What was asked: events and reports. Empty until the owner's reports are built.
