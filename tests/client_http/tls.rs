//! Over TLS, to a server whose certificate the platform trusts or does not.

use std::net::SocketAddr;
use std::sync::Arc;

use mcpc::client::{Client, ClientError, HttpError};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::{Counted, serve, server};

/// Where the process that trusts the certificate finds the server.
const URL: &str = "CLIENT_HTTP_TLS_URL";

/// TLS in front of a server; returns where, and the certificate.
async fn with_tls(server: SocketAddr) -> (String, String, JoinSet<()>) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|it| it.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key))
        .expect("they fit");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            connections.spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut inner = TcpStream::connect(server).await.expect("it is there");
                let _end = tokio::io::copy_bidirectional(&mut stream, &mut inner).await;
            });
        }
    });
    (format!("https://localhost:{port}/mcp"), cert.pem(), serving)
}

#[tokio::test]
async fn a_certificate_counts_if_the_platform_trusts_it() {
    let served = serve(server());
    let (url, certificate, _serving) = with_tls(served.address).await;
    let error = Client::connect_http(&url).await.expect_err("nobody trusts it");
    let ClientError::Http(HttpError::Unreachable(error)) = error else { panic!("{error:?}") };
    assert!(format!("{error:?}").contains("UnknownIssuer"), "{error:?}");
    // What a process trusts is said when it starts.
    let folder = std::env::temp_dir().join(format!("mcpc-tls-{}", std::process::id()));
    std::fs::write(&folder, certificate).expect("a file");
    let test = std::env::current_exe().expect("this program");
    let trusting = Command::new(test)
        .args(["--exact", "tls::a_process_that_trusts_the_certificate", "--include-ignored"])
        .env("SSL_CERT_FILE", &folder)
        .env(URL, &url)
        .output()
        .await
        .expect("it runs");
    std::fs::remove_file(&folder).expect("it is there");
    let said = String::from_utf8_lossy(&trusting.stdout);
    assert!(trusting.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "the test above runs it, in a process of its own"]
async fn a_process_that_trusts_the_certificate() {
    let Ok(url) = std::env::var(URL) else { return };
    let client = Client::connect_http(url).await.expect("the server answers");
    let mut task = client.start("count", json!({"to": 3, "pause": 10})).await.expect("started");
    assert!(task.next().await.is_some());
    assert_eq!(task.result::<Counted>().await.expect("a result").to, 3);
    client.close().await;
}
