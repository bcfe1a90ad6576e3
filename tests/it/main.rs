//! The one integration binary: docent as its users see it, a module per folder of `src/`.

mod harness;
mod tiny_model;
// A git repository that somebody writes, and a server of it.
mod upstream;

// The docs folder: dialects, front matter, anchors, what is never read.
mod corpus;
// The index: what is found, what survives, what changes while it is served.
mod index;
// What a model sees: tools, resources, prompts.
mod mcp;
// The wire: guards, limits, pages for people.
mod http;
// The commands, as processes.
mod commands;
// Index snapshots: one process publishes, others follow.
mod snapshots;
// A server where people sign in, and a double of an identity provider.
mod people;
mod provider;
// Where state lives, held to one contract.
mod store;
// Attacks and bad inputs, a test for each row of the list.
mod attacks;
// Search quality: fixed questions over the manual, and a baseline to beat.
mod quality;
// The rules of this repository: arrows, homes of libraries, the map.
mod tidy;
