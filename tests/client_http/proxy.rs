//! What is between a client and a server, and breaks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Which connections break, and when.
#[derive(Clone, Copy)]
pub(crate) struct Breaks {
    /// With what the request of one begins that may break.
    pub(crate) request: &'static str,
    /// What its body holds.
    pub(crate) holds: &'static str,
    /// After how many bytes of what is answered.
    pub(crate) after: usize,
    pub(crate) times: usize,
}

/// A way to a server.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    broken: Arc<AtomicUsize>,
    _serving: JoinSet<()>,
}

impl Proxy {
    pub(crate) async fn to(server: SocketAddr, breaks: Breaks) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let broken = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&broken);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(server).await.expect("it is there");
                connections.spawn(carry(client, server, breaks, Arc::clone(&counted)));
            }
        });
        Self { address, broken, _serving: serving }
    }

    /// How many connections broke.
    pub(crate) fn broken(&self) -> usize {
        self.broken.load(Ordering::SeqCst)
    }
}

async fn carry(
    mut client: TcpStream,
    mut server: TcpStream,
    breaks: Breaks,
    broken: Arc<AtomicUsize>,
) {
    let (mut asked, mut answered) = ([0; 1 << 16], [0; 1 << 12]);
    let (mut may_break, mut bytes) = (false, 0);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(length @ 1..) = read else { return };
                let text = String::from_utf8_lossy(&asked[..length]);
                may_break = text.starts_with(breaks.request) && text.contains(breaks.holds);
                bytes = 0;
                if server.write_all(&asked[..length]).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(length @ 1..) = read else { return };
                bytes += length;
                let breaks_now = may_break && bytes > breaks.after && {
                    let one_more = |count| (count < breaks.times).then_some(count + 1);
                    broken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more).is_ok()
                };
                // Half of an event is written, too.
                let length = if breaks_now { length - (bytes - breaks.after).min(length) } else { length };
                if client.write_all(&answered[..length]).await.is_err() || breaks_now {
                    return;
                }
            }
        }
    }
}
