//! Attacks, by the rows of the security research: each test carries the number of its row.

mod scope;
