//! What a model sees: tools, resources, prompts.

mod protocol;
mod reading;
mod searching;
mod surface;
