//! A small real MCP server to try a gate on. Its tools do what they say.
//!
//! | tool | what it does |
//! |---|---|
//! | `now` | tells the time |
//! | `read_note`, `write_note` | a store of notes in memory |
//! | `list_files`, `read_file`, `write_file`, `delete_file` | the files of one folder, never outside of it |
//! | `read_profile` | personal data, so that consent has something to guard |
//! | `summarise` | reports in `_meta["aumos/usage"]` what it used: a token for every four characters |
//! | `slow` | counts up to `steps`, one progress notification each, and can be cancelled |
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use security_mcp::demo::DemoServer;
//!
//! DemoServer::new("/tmp/demo")?.serve_stdio().await?;
//! # Ok(())
//! # }
//! ```

mod folder;
mod tools;

pub use tools::{DemoError, DemoServer};
