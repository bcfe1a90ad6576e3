//! How much a caller may: exact windows, pure. Empty until the door is built.
