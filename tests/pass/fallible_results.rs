//! A `Result` of anything that can be returned, with every kind of error.

use std::error::Error;
use std::fmt;

use rmcp::model::CallToolResult;

#[derive(Debug, thiserror::Error)]
enum WeatherError {
    #[error("no such city: {0}")]
    City(String),
    #[error("the service is down")]
    Service(#[from] std::io::Error),
}

struct OnlyDisplay;

impl fmt::Display for OnlyDisplay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("only text")
    }
}

#[mcpc::tool]
async fn string() -> Result<u8, String> {
    Err("no".to_owned())
}

#[mcpc::tool]
async fn text() -> Result<&'static str, &'static str> {
    Ok("yes")
}

#[mcpc::tool]
async fn this_error(city: String) -> Result<String, WeatherError> {
    match city.as_str() {
        "" => Err(std::io::Error::other("down"))?,
        _ => Err(WeatherError::City(city)),
    }
}

#[mcpc::background]
async fn any_error(text: String) -> Result<u8, anyhow::Error> {
    Ok(text.parse()?)
}

#[mcpc::tool]
async fn anyhow_alias(text: String) -> anyhow::Result<()> {
    anyhow::ensure!(text.is_empty(), "not empty");
    Ok(())
}

#[mcpc::tool]
async fn boxed(text: String) -> Result<u8, Box<dyn Error + Send + Sync>> {
    Ok(text.parse()?)
}

#[mcpc::tool]
async fn boxed_static() -> Result<(), Box<dyn Error + Send + Sync + 'static>> {
    Ok(())
}

#[mcpc::background]
async fn boxed_concrete() -> std::result::Result<(), Box<WeatherError>> {
    Ok(())
}

#[mcpc::tool]
async fn only_display() -> Result<CallToolResult, OnlyDisplay> {
    Err(OnlyDisplay)
}

#[mcpc::tool]
async fn io_alias() -> std::io::Result<String> {
    Ok(String::new())
}

#[mcpc::tool]
async fn infallible() -> Result<(), std::convert::Infallible> {
    Ok(())
}

mod alias {
    type Result<T> = std::result::Result<T, super::WeatherError>;

    #[mcpc::tool]
    pub(crate) async fn of_one() -> Result<Vec<u8>> {
        Ok(Vec::new())
    }
}

mod alias_with_default {
    type Result<T = (), E = String> = core::result::Result<T, E>;

    #[mcpc::tool]
    pub(crate) async fn of_none() -> Result {
        Ok(())
    }

    #[mcpc::background]
    pub(crate) async fn of_two() -> Result<u8, anyhow::Error> {
        Ok(1)
    }
}

mod alias_without_arguments {
    type Result = core::result::Result<(), String>;

    #[mcpc::tool]
    pub(crate) async fn plain() -> Result {
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let _ = mcpc::tools![
        string,
        text,
        this_error,
        any_error,
        anyhow_alias,
        boxed,
        boxed_static,
        boxed_concrete,
        only_display,
        io_alias,
        infallible,
        alias::of_one,
        alias_with_default::of_none,
        alias_with_default::of_two,
        alias_without_arguments::plain,
    ];
    assert!(any_error("7".to_owned()).await.is_ok_and(|number| number == 7));
    assert!(this_error(String::new()).await.is_err());
}
