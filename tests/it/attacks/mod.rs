mod authorize;
mod browsers;
mod clients;
mod provider_lies;
mod tokens;
