//! Serves at an address, by default `127.0.0.1:8080`, and prints a token for each of two users:
//!
//! ```sh
//! cargo run --package protected
//! claude mcp add --transport http protected http://127.0.0.1:8080/mcp --header "Authorization: Bearer $TOKEN"
//! ```
//!
//! Behind a proxy that does TLS, the origin that clients see is the second argument (`https://mcp.example.com`).

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use protected::{Guard, ISSUER, Issuer, PATH, SCOPE};
use serde_json::json;
use tokio::net::TcpListener;

const LIFETIME: Duration = Duration::from_secs(3600);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(address).await?;
    let local = format!("http://{}", listener.local_addr()?);
    let origin = arguments.next().unwrap_or(local);
    let issuer = Issuer::new();
    let guard = Arc::new(Guard::new(&origin, ISSUER, issuer.keys()));
    let (router, end) = protected::router_and_end(&guard, asked_to_end()?)?;
    let exp = (SystemTime::now().duration_since(UNIX_EPOCH)? + LIFETIME).as_secs();
    for user in ["ann", "bob"] {
        let aud = format!("{origin}{PATH}");
        let token = issuer.sign(&json!({
            "iss": ISSUER, "sub": user, "aud": aud, "exp": exp, "scope": SCOPE,
        }));
        eprintln!("{user}: {token}");
    }
    eprintln!("{origin}{PATH}");
    axum::serve(listener, router).with_graceful_shutdown(end).await?;
    Ok(())
}

/// Done when the process is asked to end, by Ctrl-C or by who runs services.
#[cfg(unix)]
fn asked_to_end() -> io::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn asked_to_end() -> io::Result<impl Future<Output = ()> + Send> {
    let mut ctrl_c = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        ctrl_c.recv().await;
    })
}
