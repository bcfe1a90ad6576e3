//! Where state lives: one trait, SQLite or Redis behind it. Empty until the door is built.
