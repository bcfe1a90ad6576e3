//! The program: parse, run one command, print what went wrong.

mod allocator;

use std::process::ExitCode;

fn main() -> ExitCode {
    allocator::give_memory_back_soon();
    match docent::commands::run(std::env::args_os()) {
        Ok(code) => code,
        Err(failure) if is_broken_pipe(&failure.error) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("docent: {:#}", failure.error);
            failure.code
        }
    }
}

/// Whoever read our output has enough of it: `docent search … | head`.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let error = cause.downcast_ref::<std::io::Error>();
        error.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
