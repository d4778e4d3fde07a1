//! A client over a socket: it writes a request and reads what comes.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A connection of its own for a request.
pub(crate) struct Raw(TcpStream);

impl Raw {
    /// Sends a request, of which this is the method and the path.
    pub(crate) async fn send(address: SocketAddr, what: &str, headers: &str, body: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let length = body.len();
        let request = format!(
            "{what} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             accept: application/json, text/event-stream\r\n{headers}content-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.expect("it is read");
        Self(stream)
    }

    /// Reads until a text has come.
    pub(crate) async fn read_until(&mut self, text: &str) -> String {
        let mut read = String::new();
        while !read.contains(text) {
            let mut part = [0; 4096];
            let length = self.0.read(&mut part).await.expect("it can be read");
            assert!(length > 0, "it ends without {text:?}: {read}");
            read.push_str(str::from_utf8(&part[..length]).expect("UTF-8"));
        }
        read
    }

    /// Reads all that is left.
    pub(crate) async fn rest(mut self) -> String {
        let mut rest = String::new();
        self.0.read_to_string(&mut rest).await.expect("it can be read");
        rest
    }
}
