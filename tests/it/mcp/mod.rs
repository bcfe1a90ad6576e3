//! What a model sees: tools, resources, prompts.

mod properties;
mod protocol;
mod reading;
mod searching;
mod surface;
