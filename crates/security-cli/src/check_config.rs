//! `secstack check-config`: whether a configuration holds, and what each limit and rule of it does.

mod words;

use std::path::PathBuf;

use clap::Args;
use security_bundle::SecurityStackConfig;
use serde_json::json;

use crate::{Answer, GOOD, no, paint};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The configuration
    file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let config = match SecurityStackConfig::from_path(&arguments.file) {
        Ok(config) => config,
        // A file that cannot be read is bad input, not a bad configuration.
        Err(error) if error.key.is_empty() && error.line.is_none() => return Err(error.into()),
        Err(error) if arguments.json => {
            anstream::println!(
                "{}",
                json!({
                    "valid": false,
                    "file": error.file,
                    "line": error.line,
                    "key": error.key,
                    "message": error.message,
                })
            );
            return Ok(no());
        }
        Err(error) => {
            let bad = paint::BAD;
            anstream::println!("{bad}INVALID{bad:#}  {}", paint::plain(&error.to_string()));
            return Ok(no());
        }
    };
    let said = words::describe(&config);
    if arguments.json {
        let parts: serde_json::Map<_, _> = said
            .into_iter()
            .map(|(part, lines)| (part.to_owned(), json!(lines)))
            .collect();
        anstream::println!("{}", json!({ "valid": true, "rules": parts }));
        return Ok(GOOD);
    }
    let (good, head) = (paint::GOOD, paint::HEAD);
    anstream::println!("{good}VALID{good:#}  {}", arguments.file.display());
    for (part, lines) in said {
        anstream::println!("\n{head}{part}{head:#}");
        for line in lines {
            anstream::println!("  {}", paint::plain(&line));
        }
    }
    Ok(GOOD)
}
